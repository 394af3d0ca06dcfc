import { Menu } from '@base-ui/react/menu';
import { Link, Outlet } from '@tanstack/react-router';
import { CircleUser, Monitor, Moon, Sun } from 'lucide-react';
import { SignInPage } from '~/signin/SignInPage';
import { signOut, useMe } from './me';
import { PageError } from './PageError';
import styles from './Shell.module.css';
import { setTheme, type Theme } from './theme';
import { useTheme } from './useTheme';

/** The frame of every page: who may not read sees the sign-in form instead. */
export function Shell() {
  const me = useMe();
  if (me.isPending) return <Waiting />;
  if (me.isError) return <PageError error={me.error} reset={() => void me.refetch()} />;
  if (me.data === null) return <SignInPage />;
  return (
    <div className={styles.shell}>
      <a className={styles.skip} href="#main">
        Skip to content
      </a>
      <header className={styles.header}>
        <Link to="/" className={styles.brand}>
          <img src="/ursa.svg" alt="" width="22" height="22" />
          Ursa
        </Link>
        <nav aria-label="Main" className={styles.nav}>
          <Link to="/" activeOptions={{ exact: true, includeSearch: false }} className={styles.link}>
            Sessions
          </Link>
          <Link to="/connect" className={styles.link}>
            Connect an agent
          </Link>
        </nav>
        <ThemeSwitch />
        <Account role={me.data.role} />
      </header>
      <main id="main" className={styles.main} tabIndex={-1}>
        <Outlet />
      </main>
    </div>
  );
}

/** As index.html has it until this program is there. */
function Waiting() {
  return (
    <div className="boot" aria-busy="true">
      <div className="boot-header">
        <img src="/ursa.svg" alt="" width="22" height="22" />
        Ursa
      </div>
    </div>
  );
}

const NEXT: Record<Theme, Theme> = { system: 'light', light: 'dark', dark: 'system' };
const NAMES: Record<Theme, string> = { system: 'as the system', light: 'light', dark: 'dark' };

function ThemeSwitch() {
  const theme = useTheme();
  const Icon = { system: Monitor, light: Sun, dark: Moon }[theme];
  const label = `Colours: ${NAMES[theme]}. Switch to ${NAMES[NEXT[theme]]}`;
  return (
    <button
      type="button"
      className={styles.icon}
      onClick={() => setTheme(NEXT[theme])}
      title={label}
      aria-label={label}
    >
      <Icon size={16} aria-hidden />
    </button>
  );
}

function Account({ role }: { role: string }) {
  return (
    <Menu.Root modal={false}>
      <Menu.Trigger className={styles.icon} aria-label="Account">
        <CircleUser size={16} aria-hidden />
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Positioner align="end" sideOffset={6} className={styles.positioner}>
          <Menu.Popup className={styles.menu}>
            <div className={styles.role}>Signed in as {role}</div>
            <Menu.Item className={styles.item} onClick={() => void signOut()}>
              Sign out
            </Menu.Item>
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}

import { Menu } from '@base-ui/react/menu';
import { Link } from '@tanstack/react-router';
import { ArrowLeft, Download } from 'lucide-react';
import { memo } from 'react';
import type { Session } from '~/api/types';
import { CopyButton } from '~/content/CopyButton';
import { SafeInline } from '~/content/SafeText';
import styles from './header.module.css';

const FORMATS = [
  { format: 'json', name: 'JSON', hint: 'one document', ending: 'json' },
  { format: 'ndjson', name: 'NDJSON', hint: 'a line for each event', ending: 'ndjson' },
  { format: 'atif', name: 'ATIF', hint: 'agent trajectory, v1.7', ending: 'atif.json' },
] as const;

/** The line that stays in sight: which session this is, and what to take from it. */
export const TitleBar = memo(function TitleBar({
  session,
  readsContent,
}: {
  session: Session;
  readsContent: boolean;
}) {
  return (
    <div className={styles.titleBar}>
      <Link to="/" className={styles.back} title="All sessions" aria-label="All sessions">
        <ArrowLeft size={16} aria-hidden />
      </Link>
      <span className={styles.status} data-status={session.status}>
        {session.status}
      </span>
      <h1 className={styles.title} dir="auto">
        <SafeInline
          text={
            session.title ?? (readsContent ? 'Session without a title' : `Session of ${session.agent.name}`)
          }
        />
      </h1>
      <CopyButton text={() => location.href} label="Copy link" />
      <ExportMenu id={session.id} />
    </div>
  );
});

function ExportMenu({ id }: { id: string }) {
  return (
    <Menu.Root modal={false}>
      <Menu.Trigger className={`button ${styles.quiet}`} aria-label="Export">
        <Download size={14} aria-hidden />
        <span className={styles.word}>Export</span>
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Positioner align="end" sideOffset={6} className={styles.positioner}>
          <Menu.Popup className={styles.menu}>
            {FORMATS.map(({ format, name, hint, ending }) => (
              <Menu.Item
                key={format}
                className={styles.menuItem}
                render={
                  <a
                    href={`/api/v1/sessions/${encodeURIComponent(id)}/export?format=${format}`}
                    download={`${id}.${ending}`}
                  >
                    <span>{name}</span>
                    <span className={styles.hint}>{hint}</span>
                  </a>
                }
              />
            ))}
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}

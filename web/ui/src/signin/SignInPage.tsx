import { useQueryClient } from '@tanstack/react-query';
import { type SubmitEvent, useEffect, useId, useState } from 'react';
import styles from './SignInPage.module.css';
import { signIn } from './signIn';

/** Where the server sends a browser whose one-time link does not work. */
const LINK_PATH = '/signin';

/** What is shown when nobody is signed in. */
export function SignInPage() {
  const [linkFailed] = useState(() => location.pathname === LINK_PATH);
  useEffect(() => {
    document.title = 'Sign in · Ursa';
    // The secret of the link must stay neither in the address nor in the browser's history.
    if (location.pathname === LINK_PATH) history.replaceState(null, '', '/');
  }, []);
  return (
    <main className={styles.page}>
      <div className={styles.card}>
        <h1 className={styles.brand}>
          <img src="/ursa.svg" alt="" width="28" height="28" />
          Sign in to Ursa
        </h1>
        {linkFailed && (
          <p className={styles.failed} role="alert">
            This sign-in link no longer works: it was used already, is too old, or belongs to an earlier start
            of the server. Each link signs in one browser, once.
          </p>
        )}
        <section className={styles.part}>
          <h2>With the link</h2>
          <p>
            <code>ursa serve</code> prints a link when it starts. Open it in this browser. To get a new one,
            stop the server and start it again: nothing that is recorded is lost.
          </p>
        </section>
        <section className={styles.part}>
          <h2>With a token</h2>
          <p>On the machine that runs the server, make one and paste it here:</p>
          <pre className={styles.command}>
            <code>ursa token create --role analyst</code>
          </pre>
          <TokenForm />
          <p className={styles.faint}>
            <code>analyst</code> reads sessions, <code>viewer</code> sees them without what was said,{' '}
            <code>admin</code> may change settings too.
          </p>
        </section>
      </div>
    </main>
  );
}

function TokenForm() {
  const queries = useQueryClient();
  const [token, setToken] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const [field, said] = [useId(), useId()];
  const submit = async () => {
    setBusy(true);
    setError(undefined);
    const problem = await signIn(token);
    if (problem === undefined) await queries.resetQueries();
    setError(problem);
    setBusy(false);
  };
  return (
    <form
      className={styles.form}
      onSubmit={(event: SubmitEvent) => {
        event.preventDefault();
        void submit();
      }}
    >
      <label htmlFor={field}>Token</label>
      <div className={styles.line}>
        <input
          id={field}
          className="field"
          type="password"
          value={token}
          onChange={(event) => setToken(event.target.value)}
          autoComplete="off"
          spellCheck={false}
          placeholder="ursa_…"
          aria-invalid={error !== undefined}
          aria-describedby={error === undefined ? undefined : said}
        />
        <button type="submit" className="button" data-primary="" disabled={busy}>
          {busy ? 'Signing in…' : 'Sign in'}
        </button>
      </div>
      {error !== undefined && (
        <p id={said} className={styles.failed} role="alert">
          {error}
        </p>
      )}
    </form>
  );
}

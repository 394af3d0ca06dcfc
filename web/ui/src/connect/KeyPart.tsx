import { useId } from 'react';
import { CopyBlock } from './CopyBlock';
import styles from './connect.module.css';

/** Where others may come from: agents on other machines show a key. */
export function KeyPart(props: {
  elsewhere: boolean;
  onElsewhere: (elsewhere: boolean) => void;
  value: string;
  onValue: (key: string) => void;
}) {
  const field = useId();
  return (
    <section className={styles.key} aria-label="Where the agent runs">
      <div className={styles.where}>
        <span>The agent runs on</span>
        <button
          type="button"
          className="button"
          aria-pressed={!props.elsewhere}
          onClick={() => props.onElsewhere(false)}
        >
          the server’s machine
        </button>
        <button
          type="button"
          className="button"
          aria-pressed={props.elsewhere}
          onClick={() => props.onElsewhere(true)}
        >
          another machine
        </button>
      </div>
      {props.elsewhere ? (
        <>
          <p className={styles.keyNote}>
            It needs a key. Make one on the server’s machine; it is shown once, on the last line:
          </p>
          <CopyBlock title="On the server’s machine" text="ursa key create --name laptops" />
          <div className={styles.where}>
            <label htmlFor={field}>Key, to fill in below</label>
            <input
              id={field}
              className="field"
              value={props.value}
              onChange={(event) => props.onValue(event.target.value)}
              autoComplete="off"
              spellCheck={false}
            />
            <small className={styles.keyNote}>It stays in this page and is not kept.</small>
          </div>
          <p className={styles.keyNote}>
            The key stands in the path, <code>/edge/k/KEY/…</code>, which every agent can be given, or in the
            header <code>x-ursa-key</code>.
          </p>
        </>
      ) : (
        <p className={styles.keyNote}>
          No key is needed there, as long as the address is 127.0.0.1 or localhost.
        </p>
      )}
    </section>
  );
}

import { Link } from '@tanstack/react-router';
import styles from './list.module.css';

/** Before the first session: the page waits and turns into the list by itself. */
export function NoSessionsYet() {
  return (
    <div className={styles.empty}>
      <h2>No sessions yet</h2>
      <p>
        Ursa records what agents say to their models when their calls go through it. Point one at it, with one
        line, and its first session appears here by itself.
      </p>
      <Link to="/connect" className="button" data-primary="">
        Connect an agent
      </Link>
      <p className={styles.waiting} role="status">
        Waiting for the first session…
      </p>
    </div>
  );
}

/** `onAgain`: a full-text search does not follow what comes, and can be made again. */
export function NothingMatches(props: { onClear: () => void; onAgain: (() => void) | undefined }) {
  return (
    <div className={styles.empty}>
      <h2>No session matches</h2>
      <p>
        Nothing that is recorded fits all of it at once.
        {!props.onAgain && ' A session that does will appear here by itself.'}
      </p>
      <div className={styles.choices}>
        <button type="button" className="button" onClick={props.onClear}>
          Clear the filters
        </button>
        {props.onAgain && (
          <button type="button" className="button" onClick={props.onAgain}>
            Search again
          </button>
        )}
      </div>
    </div>
  );
}

const ROWS = Array.from({ length: 12 }, (_, row) => row);

export function Skeleton() {
  return (
    <div className={styles.frame} role="status">
      <span className="visually-hidden">Loading sessions…</span>
      <div>
        {ROWS.map((row) => (
          <div key={row} className={styles.skeleton} />
        ))}
      </div>
    </div>
  );
}

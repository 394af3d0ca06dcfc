import { Link } from '@tanstack/react-router';
import { ApiError } from '~/api/client';
import styles from './PageError.module.css';

/** A page that could not be shown, and why. */
export function PageError({ error, reset }: { error: unknown; reset?: () => void }) {
  const title = error instanceof ApiError ? error.title : 'The page broke';
  return (
    <div className={styles.box} role="alert">
      <h1>{title}</h1>
      <p>{error instanceof Error ? error.message : String(error)}</p>
      {reset && (
        <button type="button" className="button" onClick={reset}>
          Try again
        </button>
      )}
    </div>
  );
}

export function NotFound() {
  return (
    <div className={styles.box}>
      <h1>No such page</h1>
      <p>
        The address leads nowhere. <Link to="/">All sessions</Link>
      </p>
    </div>
  );
}

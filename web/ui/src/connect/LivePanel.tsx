import { Link } from '@tanstack/react-router';
import { CircleCheck } from 'lucide-react';
import type { Session } from '~/api/types';
import { clockTime } from '~/app/time';
import { SafeInline } from '~/content/SafeText';
import styles from './connect.module.css';

/** New sessions that are shown; the list has them all. */
const SHOWN = 8;

/** Waits for sessions, and shows those that come. */
export function LivePanel(props: {
  arrived: readonly Session[];
  /** Whether there were sessions before. */
  some: boolean;
  failed: boolean;
}) {
  const { arrived, some, failed } = props;
  const waiting = some ? 'Waiting for the next session…' : 'Waiting for the first session…';
  return (
    <section className={styles.live} data-lit={arrived.length > 0 ? '' : undefined} aria-label="New sessions">
      <div aria-live="polite" aria-relevant="additions text">
        {arrived.length === 0 ? (
          <p className={styles.waiting}>{failed ? 'The server does not answer. Trying again…' : waiting}</p>
        ) : (
          <p className={styles.heard}>
            <CircleCheck size={16} aria-hidden />
            {arrived.length === 1 ? 'A session arrived' : `${arrived.length} sessions arrived`}
          </p>
        )}
        <ol className={styles.arrived}>
          {arrived.slice(0, SHOWN).map((session) => (
            <li key={session.id}>
              <time dateTime={session.started_at}>{clockTime(session.started_at)}</time>
              <span>{session.agent.name}</span>
              <Link to="/sessions/$sessionId" params={{ sessionId: session.id }} preload={false}>
                <SafeInline text={session.title ?? 'no prompt yet'} />
              </Link>
            </li>
          ))}
        </ol>
      </div>
      {arrived.length > 0 && (
        <Link to="/" className="button">
          All sessions
        </Link>
      )}
    </section>
  );
}

import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useEffect } from 'react';
import { ApiError } from '~/api/client';
import { useMe } from '~/app/me';
import { PageError } from '~/app/PageError';
import { plainly } from '~/content/chars';
import { outlineQuery, restQuery, sessionQuery } from './data/queries';
import styles from './SessionPage.module.css';
import { SessionView } from './SessionView';

/** The page of one session: what an agent did, from the first prompt to now. */
export function SessionPage() {
  const { sessionId } = useParams({ from: '/sessions/$sessionId' });
  const navigate = useNavigate();
  const session = useQuery(sessionQuery(sessionId));
  const outline = useQuery(outlineQuery(sessionId));
  // Asked for when the beginning is on the screen: it would only come later for sharing the machine.
  const rest = useQuery({ ...restQuery(sessionId), enabled: outline.data?.partial === true });
  const { event } = useSearch({ from: '/sessions/$sessionId' });
  const me = useMe();
  const current = session.data?.id;
  useTitle(session.data?.title ?? undefined);

  useEffect(() => {
    // An older id leads to the session that it became a part of.
    if (current !== undefined && current !== sessionId) {
      void navigate({
        to: '/sessions/$sessionId',
        params: { sessionId: current },
        search: (search) => search,
        replace: true,
      });
    }
  }, [current, sessionId, navigate]);

  const error = session.error ?? outline.error ?? rest.error;
  if (error && !(session.data && outline.data && !outline.data.partial)) {
    if (error instanceof ApiError && error.status === 404) return <NoSession id={sessionId} />;
    const again = () => {
      void session.refetch();
      void outline.refetch();
      if (rest.isError) void rest.refetch();
    };
    return <PageError error={error} reset={again} />;
  }
  if (session.data === undefined || outline.data === undefined || current !== sessionId) return <Skeleton />;
  // The event that the address names may stand anywhere.
  if (outline.data.partial && event !== undefined) return <Skeleton />;
  const readsContent = me.data?.reads_content ?? false;
  return (
    <SessionView key={sessionId} session={session.data} outline={outline.data} readsContent={readsContent} />
  );
}

function useTitle(title: string | undefined): void {
  useEffect(() => {
    const before = document.title;
    document.title = title === undefined ? 'Session · Ursa' : `${plainly(title)} · Ursa`;
    return () => {
      document.title = before;
    };
  }, [title]);
}

function NoSession({ id }: { id: string }) {
  return (
    <div className={styles.missing}>
      <h1>No such session</h1>
      <p>
        There is no session <code>{id}</code>. It may have been removed when its time of keeping was over.
      </p>
      <Link to="/">All sessions</Link>
    </div>
  );
}

const SKELETON_ROWS = [70, 45, 82, 38, 60, 74, 52, 66, 40, 58];

function Skeleton() {
  return (
    <div className={styles.skeleton} role="status" aria-busy="true">
      <span className="visually-hidden">Loading the session</span>
      <div className={styles.bone} style={{ width: '40%', height: '1.5rem' }} />
      <div className={styles.bone} style={{ width: '75%' }} />
      {SKELETON_ROWS.map((width) => (
        <div key={width} className={styles.boneRow}>
          <div className={styles.bone} style={{ width: '3.5rem' }} />
          <div className={styles.bone} style={{ width: `${width}%`, height: '2rem' }} />
        </div>
      ))}
    </div>
  );
}

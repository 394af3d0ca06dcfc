import { useElementScrollRestoration, useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback, useEffect, useMemo } from 'react';
import { useMe } from '~/app/me';
import { PageError } from '~/app/PageError';
import { NoSessionsYet, NothingMatches, Skeleton } from './Empty';
import { FilterBar } from './FilterBar';
import styles from './list.module.css';
import { allSessions } from './pages';
import { SearchBox } from './SearchBox';
import { SessionList } from './SessionList';
import { isFiltered, type SessionsSearch, withFilter } from './search';
import { useFollowing, useSessions } from './useSessions';

/** The list of sessions; its filters stand in the address. */
export function SessionsPage() {
  const asked = useSearch({ from: '/' });
  const navigate = useNavigate({ from: '/' });
  const me = useMe().data;
  const readsContent = me?.reads_content ?? false;
  const search = useMemo(
    () => (readsContent ? asked : withFilter(asked, 'q', undefined)),
    [asked, readsContent],
  );
  const change = useCallback(
    (wanted: SessionsSearch) => void navigate({ search: wanted, replace: true }),
    [navigate],
  );
  useEffect(() => {
    document.title = 'Sessions · Ursa';
  }, []);
  return (
    <div className={styles.page}>
      <div className={styles.tools}>
        <h1 className="visually-hidden">Sessions</h1>
        {readsContent ? (
          <SearchBox q={search.q ?? ''} onChange={(q) => change(withFilter(search, 'q', q))} />
        ) : (
          <p className={styles.note}>
            Your role, {me?.role}, sees which sessions there are but not what was said: titles and the search
            are left out.
          </p>
        )}
        <FilterBar search={search} onChange={change} />
      </div>
      <Sessions search={search} readsContent={readsContent} onChange={change} />
    </div>
  );
}

const MANY_NEW = { text: 'Many new', quiet: false };
const SEARCH_AGAIN = { text: 'Search again: new events came', quiet: true };

function Sessions(props: {
  search: SessionsSearch;
  readsContent: boolean;
  onChange: (search: SessionsSearch) => void;
}) {
  const { search, readsContent, onChange } = props;
  const query = useSessions(search);
  const following = useFollowing(search);
  // The router keeps by name how far something was scrolled: each list has its own, so that none begins where another
  // was left.
  const searched = search.q !== undefined;
  const list = `sessions ${encodeURIComponent(JSON.stringify(search))}`;
  const kept = useElementScrollRestoration({ id: list })?.scrollY ?? 0;
  const { fetchNextPage, isFetchingNextPage, isFetchNextPageError } = query;
  const sessions = useMemo(() => allSessions(query.data?.pages ?? []), [query.data]);
  const more = useCallback(() => {
    if (!isFetchingNextPage && !isFetchNextPageError) void fetchNextPage();
  }, [fetchNextPage, isFetchingNextPage, isFetchNextPageError]);

  if (query.isPending) return <Skeleton />;
  if (query.isError && !query.data)
    return <PageError error={query.error} reset={() => void query.refetch()} />;
  if (sessions.length === 0) {
    if (!isFiltered(search)) return <NoSessionsYet />;
    const again = searched ? following.reload : undefined;
    return <NothingMatches onClear={() => onChange({})} onAgain={again} />;
  }
  return (
    <SessionList
      key={`${following.reloads} ${list}`}
      name={list}
      offset={following.reloads === 0 ? kept : 0}
      live={following.state === 'open' && !searched}
      sessions={sessions}
      readsContent={readsContent}
      stale={query.isPlaceholderData}
      hasMore={query.hasNextPage}
      onMore={more}
      end={
        <End
          error={isFetchNextPageError ? query.error : null}
          loading={isFetchingNextPage}
          retry={fetchNextPage}
        />
      }
      notice={following.behind ? (searched ? SEARCH_AGAIN : MANY_NEW) : undefined}
      onReload={following.reload}
    />
  );
}

function End(props: { error: Error | null; loading: boolean; retry: () => Promise<unknown> }) {
  if (props.error) {
    return (
      <div className={styles.end} role="alert">
        {props.error.message}
        <button type="button" className="button" onClick={() => void props.retry()}>
          Try again
        </button>
      </div>
    );
  }
  return props.loading ? <div className={styles.end}>Loading more…</div> : null;
}

import { type InfiniteData, keepPreviousData, useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useEffectEvent, useRef, useState } from 'react';
import { client, unwrap } from '~/api/client';
import { type LiveState, useLive } from '~/api/live';
import { PAGE_ITEMS } from '~/app/early';
import { allSessions, mergeFirstPage, replaceSessions, type SessionPage } from './pages';
import type { SessionsSearch } from './search';
import { Throttle } from './throttle';
import { bounds } from './times';

/** New events lead to at most one look at the first page in this time. */
const REFRESH_MS = 1000;
/** Without any event, this often: a session goes from active to idle by time alone. */
const IDLE_REFRESH_MS = 60_000;
/** A full-text search is as good as new for this time. */
const SEARCH_STALE_MS = 60_000;
/** Sessions beyond the first page that are looked at again in one go. */
const TOUCHED_LIMIT = 10;

type Cursor = string | undefined;
type Pages = InfiniteData<SessionPage, Cursor>;

export async function fetchSessions(
  search: SessionsSearch,
  cursor: Cursor,
  signal: AbortSignal,
): Promise<SessionPage> {
  const { last: _last, from: _from, to: _to, ...filters } = search;
  const time = bounds(search, Date.now());
  const query = { ...filters, ...time, limit: PAGE_ITEMS, ...(cursor === undefined ? {} : { cursor }) };
  return await unwrap(client.GET('/sessions', { params: { query }, signal }));
}

/** The sessions that match, page by page. The list is not fetched anew on its own: that would move what is being read. */
export function useSessions(search: SessionsSearch) {
  const key = ['sessions', search] as const;
  return useInfiniteQuery<SessionPage, Error, Pages, typeof key, Cursor>({
    queryKey: key,
    queryFn: ({ pageParam, signal }) => fetchSessions(search, pageParam, signal),
    initialPageParam: undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    // What is found by its text is not followed: who searches the same again later gets what is there then.
    staleTime: search.q === undefined ? Number.POSITIVE_INFINITY : SEARCH_STALE_MS,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
    placeholderData: keepPreviousData,
  });
}

export interface Following {
  state: LiveState;
  /** More came than the list can be mended with: it must be loaded anew. */
  behind: boolean;
  reload: () => void;
  /** How often it was loaded anew. */
  reloads: number;
}

/**
 * Keeps the first page as it is on the server. Not for a full-text search, which is written to the audit log each time:
 * there a new event only tells that the list is behind.
 */
export function useFollowing(search: SessionsSearch): Following {
  const queries = useQueryClient();
  const asked = JSON.stringify(search);
  const [behind, setBehind] = useState<string>();
  const [reloads, setReloads] = useState(0);
  const [touched] = useState(() => new Set<string>());
  const throttle = useRef<Throttle>(undefined);
  const key = ['sessions', search] as const;

  const refresh = useEffectEvent(async () => {
    const known = queries.getQueryData<Pages>(key);
    if (!known) return;
    if (search.q !== undefined) {
      if (touched.size > 0) setBehind(asked);
      return;
    }
    const fresh = await queries.fetchQuery({
      queryKey: ['sessions-first', search],
      queryFn: ({ signal }) => fetchSessions(search, undefined, signal),
      staleTime: 0,
      gcTime: 0,
      retry: false,
    });
    const others = beyond(known, fresh, touched);
    touched.clear();
    const newer = await Promise.all(others.map(fetchSession));
    queries.setQueryData<Pages>(key, (data) => {
      const pages = data && mergeFirstPage(data.pages, fresh);
      if (data && !pages) setBehind(asked);
      if (!data || !pages) return data;
      return { pages: replaceSessions(pages, newer), pageParams: data.pageParams.slice(0, pages.length) };
    });
  });

  // biome-ignore lint/correctness/useExhaustiveDependencies: another list is looked at anew
  useEffect(() => {
    touched.clear();
    // A server that does not answer is tried again by the next event or the timer; the live state tells of it.
    const made = new Throttle(() => refresh().catch(() => undefined), REFRESH_MS);
    throttle.current = made;
    made.poke();
    const timer = setInterval(() => document.hidden || made.poke(), IDLE_REFRESH_MS);
    return () => {
      clearInterval(timer);
      made.stop();
    };
  }, [asked, touched]);

  const state = useLive((item) => {
    touched.add(item.session_id);
    throttle.current?.poke();
  });

  return {
    state,
    behind: behind === asked,
    reloads,
    reload: () => {
      setReloads((times) => times + 1);
      setBehind(undefined);
      touched.clear();
      void queries.resetQueries({ queryKey: key, exact: true });
    },
  };
}

/** Sessions that got events and are loaded, but not on the first page. */
function beyond(known: Pages, fresh: SessionPage, touched: ReadonlySet<string>): string[] {
  const first = new Set(fresh.items.map((session) => session.id));
  const loaded = allSessions(known.pages).filter(({ id }) => touched.has(id) && !first.has(id));
  return loaded.slice(0, TOUCHED_LIMIT).map(({ id }) => id);
}

const fetchSession = (id: string) => unwrap(client.GET('/sessions/{id}', { params: { path: { id } } }));

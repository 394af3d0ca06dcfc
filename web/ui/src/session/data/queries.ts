import { queryOptions } from '@tanstack/react-query';
import { client, unwrap } from '~/api/client';
import { HEAD_EVENTS } from '~/app/early';
import { complete, type Outline } from '../model/outline';
import type { BodySource } from './bodies';

/** Characters of one text that are loaded with its row; the rest is asked for where it is shown. */
export const CLIP_CHARS = 16_384;

/** The API's own ceiling of events in one answer. */
const WINDOW_LIMIT_MAX = 500;

export const sessionQuery = (id: string) =>
  queryOptions({
    queryKey: ['session', id],
    queryFn: ({ signal }) => unwrap(client.GET('/sessions/{id}', { params: { path: { id } }, signal })),
  });

/** The whole session, compact. */
export const loadOutline = (id: string, signal?: AbortSignal): Promise<Outline> =>
  unwrap(client.GET('/sessions/{id}/outline', { params: { path: { id } }, ...(signal ? { signal } : {}) }));

async function loadHead(id: string, signal: AbortSignal): Promise<Outline> {
  const params = { path: { id }, query: { limit: HEAD_EVENTS } };
  const head = await unwrap(client.GET('/sessions/{id}/outline', { params, signal }));
  return head.cut ? { ...head, cut: false, partial: true } : head;
}

/** Of a long session the beginning, until [`restQuery`] has it all. Never stale by itself: the live stream keeps it up to date. */
export const outlineQuery = (id: string) =>
  queryOptions({
    queryKey: ['outline', id],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: ({ signal }) => loadHead(id, signal),
  });

/** Makes the outline whole. What it answers stands in [`outlineQuery`]. */
export const restQuery = (id: string) =>
  queryOptions({
    queryKey: ['outline-rest', id],
    gcTime: 0,
    queryFn: async ({ signal, client: queries }) => {
      const whole = await loadOutline(id, signal);
      queries.setQueryData(outlineQuery(id).queryKey, (part) => (part ? complete(whole, part) : whole));
      return true;
    },
  });

/** Any event by any id that it ever had. */
export const eventQuery = (id: string) =>
  queryOptions({
    queryKey: ['event', id],
    queryFn: ({ signal }) => unwrap(client.GET('/events/{id}', { params: { path: { id } }, signal })),
  });

/** Bodies of one session's events. */
export function bodySource(sessionId: string): BodySource {
  return {
    async window(fromSeq, limit, signal) {
      const query = { from_seq: fromSeq, limit: Math.min(limit, WINDOW_LIMIT_MAX), clip: CLIP_CHARS };
      const path = { id: sessionId };
      return (await unwrap(client.GET('/sessions/{id}/events', { params: { path, query }, signal }))).items;
    },
    one: (id, signal) =>
      unwrap(client.GET('/events/{id}', { params: { path: { id }, query: { clip: CLIP_CHARS } }, signal })),
  };
}

/** Pages of hits that are asked for: nobody steps through thousands. */
const FIND_PAGES_MAX = 5;
const FIND_PAGE = 200;

/** Ids of the events of a session that hold all words; `more` if there are more than are asked for. */
export async function findEvents(
  sessionId: string,
  words: string,
  signal: AbortSignal,
): Promise<{ ids: string[]; more: boolean }> {
  const ids: string[] = [];
  let cursor: string | null | undefined;
  for (let page = 0; page < FIND_PAGES_MAX; page += 1) {
    const query = { q: words, session: sessionId, limit: FIND_PAGE, clip: FIND_CLIP };
    const params = { query: cursor ? { ...query, cursor } : query };
    const found = await unwrap(client.GET('/search', { params, signal }));
    ids.push(...found.items.map((item) => item.id));
    cursor = found.next_cursor;
    if (!cursor) return { ids, more: false };
  }
  return { ids, more: true };
}

/** Only the ids of what was found are used: the least that the API gives of its texts. */
const FIND_CLIP = 256;

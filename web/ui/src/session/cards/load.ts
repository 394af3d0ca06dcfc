import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { ApiError, client, unwrap } from '~/api/client';
import type { Piece } from '~/api/schema';
import type { Rest } from '~/content/SafeText';
import type { ClippedEvent } from './types';

/** Characters of one piece of a long text. */
const PIECE_CHARS = 64_000;
/** Longest event that is loaded whole into the page. */
export const WHOLE_CHARS = 16_000_000;

/**
 * A string of an event as far as it is loaded, and where the rest comes from. Nothing is asked until a reader wants
 * more; what was loaded is kept when the card leaves the screen.
 */
export function usePieces(event: ClippedEvent, pointer: string, sent: string): { text: string; rest?: Rest } {
  const clipped = event.clipped?.find((entry) => entry.pointer === pointer);
  const query = useInfiniteQuery({
    queryKey: ['event-text', event.id, event.rev, pointer],
    enabled: false,
    // What was sent of a value that is no string is not laid out as its pieces are: those begin anew.
    initialPageParam: clipped?.as_text ? 0 : characters(sent),
    queryFn: ({ pageParam, signal }) => piece(event.id, pointer, pageParam, signal),
    getNextPageParam: (last: Piece) =>
      last.chars > 0 && last.offset + last.chars < last.total_chars ? last.offset + last.chars : undefined,
  });
  if (!clipped) return { text: sent };
  const pieces = query.data?.pages ?? [];
  const loaded = pieces.map((page) => page.text).join('');
  const text = clipped.as_text && pieces.length > 0 ? loaded : sent + loaded;
  if (pieces.length > 0 && !query.hasNextPage) return { text };
  const last = pieces.at(-1);
  const left = last ? last.total_chars - last.offset - last.chars : clipped.chars - characters(sent);
  return {
    text,
    rest: {
      total: text.length + Math.max(left, 1),
      loading: query.isFetching,
      loadMore: () => void query.fetchNextPage(),
      error: query.error ? reason(query.error) : undefined,
    },
  };
}

/** The event without anything cut off, once a reader asks for it. */
export function useWhole(event: ClippedEvent): {
  event: ClippedEvent;
  /** Set when something was cut off and the whole is not too large for a page. */
  load?: () => void;
  loading: boolean;
  error?: string | undefined;
} {
  const query = useQuery({
    queryKey: ['event-whole', event.id, event.rev],
    enabled: false,
    queryFn: ({ signal }): Promise<ClippedEvent> =>
      unwrap(client.GET('/events/{id}', { params: { path: { id: event.id } }, signal })),
  });
  if (query.data) return { event: query.data, loading: false };
  const chars = clippedChars(event);
  const state = { event, loading: query.isFetching, error: query.error ? reason(query.error) : undefined };
  return chars > 0 && chars <= WHOLE_CHARS ? { ...state, load: () => void query.refetch() } : state;
}

/** Characters of all values that were cut. */
export const clippedChars = (event: ClippedEvent): number =>
  (event.clipped ?? []).reduce((sum, entry) => sum + entry.chars, 0);

function piece(id: string, pointer: string, offset: number, signal: AbortSignal): Promise<Piece> {
  const query = { pointer, offset, chars: PIECE_CHARS };
  return unwrap(client.GET('/events/{id}/text', { params: { path: { id }, query }, signal }));
}

/** The server counts characters, not the halves that a browser's strings are made of. */
function characters(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

export const reason = (error: Error): string =>
  error instanceof ApiError ? `${error.title}: ${error.message}` : 'It could not be loaded.';

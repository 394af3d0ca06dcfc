import type { ListedSession } from '~/api/schema';
import type { Session } from '~/api/types';

/** One page of the list, or what is left of it. */
export interface SessionPage {
  items: ListedSession[];
  next_cursor?: string | null;
}

/** The sessions of all pages. A session whose beginning became known later can stand on two of them. */
export function allSessions(pages: readonly SessionPage[]): ListedSession[] {
  const byId = new Map<string, ListedSession>();
  for (const page of pages) {
    for (const session of page.items) {
      if (!byId.has(session.id)) byId.set(session.id, session);
    }
  }
  return [...byId.values()];
}

/**
 * The pages with the first one as it is now: new sessions come before, known ones get their new counts, and those that
 * are gone from its range are taken out. `undefined` when more came than one page holds: nothing tells then how what is
 * new and what is known hang together.
 */
export function mergeFirstPage(pages: readonly SessionPage[], fresh: SessionPage): SessionPage[] | undefined {
  if (!fresh.next_cursor) return [fresh];
  const known = allSessions(pages);
  const freshIds = new Set(fresh.items.map((session) => session.id));
  const overlap = known.findLastIndex((session) => freshIds.has(session.id));
  if (overlap < 0) return known.length === 0 ? [fresh] : undefined;
  const older = known.slice(overlap + 1);
  const olderIds = new Set(older.map((session) => session.id));
  return pages.map((page, index) => {
    const kept = page.items.filter((session) => olderIds.has(session.id));
    return { ...page, items: index === 0 ? [...fresh.items, ...kept] : kept };
  });
}

/** The pages with newer states of some sessions. What was found in them stays. */
export function replaceSessions(pages: readonly SessionPage[], newer: readonly Session[]): SessionPage[] {
  const byId = new Map(newer.map((session) => [session.id, session]));
  return pages.map((page) => ({
    ...page,
    items: page.items.map((session) => {
      const now = byId.get(session.id);
      return now ? { ...session, ...now } : session;
    }),
  }));
}

/** How many sessions came before the one that the reader had first, and are held back from the list. */
export function heldBack(sessions: readonly ListedSession[], firstShown: string | null): number {
  if (firstShown === null) return 0;
  return Math.max(
    0,
    sessions.findIndex((session) => session.id === firstShown),
  );
}

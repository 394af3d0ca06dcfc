import type { Session } from '~/api/types';
import type { SessionPage } from '~/sessions/pages';
import { guideOf } from './agents';

/** Sessions that were there when the page was opened. */
export interface Before {
  ids: ReadonlySet<string>;
  /** Of the oldest one seen then; `undefined` when all there were had been seen. */
  oldest: string | undefined;
}

export function firstLook(page: SessionPage): Before {
  return {
    ids: new Set(page.items.map((session) => session.id)),
    oldest: page.next_cursor ? page.items.at(-1)?.started_at : undefined,
  };
}

/** Those of the page that came since. One that moves up because others are removed is older, and not new. */
export function arrivals(page: SessionPage, seen: Before): Session[] {
  return page.items.filter(
    (session) =>
      !seen.ids.has(session.id) && (seen.oldest === undefined || session.started_at >= seen.oldest),
  );
}

/** Guides of which there is a session, by the slugs of the agents that were recorded. */
export function connected(slugs: Iterable<string>): Set<string> {
  const ids = new Set<string>();
  for (const slug of slugs) {
    const guide = guideOf(slug);
    if (guide) ids.add(guide.id);
  }
  return ids;
}

import type { OutlineItem } from '~/api/types';

/** A whole session, compact: what `GET /sessions/{id}/outline` answers, kept up to date by the live stream. */
export interface Outline {
  /** The newest revision in it. */
  rev: number;
  /** By `seq`. */
  items: OutlineItem[];
  /** The session is longer than the server gives in one answer. */
  cut: boolean;
  /** `seq` of the session's last event, in `items` or not. */
  last_seq: number;
  /** Only the first events, so that they can be shown: the others are on their way. */
  partial?: true;
}

/** An outline after changes. */
export interface Merged {
  outline: Outline;
  /** Two items claimed one place: others may have moved too, so the order must be asked again. */
  moved: boolean;
}

/**
 * Puts changed and new items in; of two states of one item the higher revision stays.
 *
 * A place belongs to one item. A newer item of the same kind at a place that is taken is the same fact under another id: a
 * model call is known by its request until its answer tells the provider's id.
 */
export function merge(outline: Outline, changes: readonly OutlineItem[]): Merged {
  const byId = new Map(outline.items.map((item) => [item.id, item]));
  let rev = outline.rev;
  let changed = false;
  for (const item of changes) {
    const known = byId.get(item.id);
    if (known !== undefined && known.rev >= item.rev) continue;
    byId.set(item.id, item);
    rev = Math.max(rev, item.rev);
    changed = true;
  }
  if (!changed) return { outline, moved: false };
  const items: OutlineItem[] = [];
  let moved = false;
  for (const item of [...byId.values()].sort((a, b) => a.seq - b.seq || a.rev - b.rev)) {
    const before = items.at(-1);
    if (before?.seq === item.seq) {
      moved = true;
      if (before.kind === item.kind) items.pop();
    }
    items.push(item);
  }
  const last_seq = Math.max(outline.last_seq, items.at(-1)?.seq ?? 0);
  return { outline: { ...outline, rev, items, last_seq }, moved };
}

/** The whole outline in place of the first part of it, which may have been kept up to date meanwhile. */
export function complete(whole: Outline, part: Outline): Outline {
  return merge(whole, newerThan(part.items, whole.rev)).outline;
}

/** What of the live stream a fresh answer does not know yet. */
export function newerThan(items: Iterable<OutlineItem>, rev: number): OutlineItem[] {
  return [...items].filter((item) => item.rev > rev);
}

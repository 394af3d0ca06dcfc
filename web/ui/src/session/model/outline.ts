import type { OutlineItem } from '~/api/types';

/** A whole session, compact: what `GET /sessions/{id}/outline` answers, kept up to date by the live stream. */
export interface Outline {
  /** The newest revision in it. */
  rev: number;
  /** By `seq`. */
  items: OutlineItem[];
  /** The session is longer than the server gives in one answer. */
  cut: boolean;
}

/** An outline after changes, and whether others than the changed may have moved too. */
export interface Merged {
  outline: Outline;
  /** A late witness moved facts: the order of the rest must be asked again. */
  moved: boolean;
}

/** Puts changed and new items in; of two states of one item the higher revision stays. */
export function merge(outline: Outline, changes: readonly OutlineItem[]): Merged {
  const newest = new Map<string, OutlineItem>();
  for (const item of changes) {
    const known = newest.get(item.id);
    if (known === undefined || known.rev < item.rev) newest.set(item.id, item);
  }
  let changed = false;
  let moved = false;
  let rev = outline.rev;
  const items = outline.items.map((item) => {
    const next = newest.get(item.id);
    if (next === undefined) return item;
    newest.delete(item.id);
    if (next.rev <= item.rev) return item;
    changed = true;
    moved ||= next.seq !== item.seq;
    rev = Math.max(rev, next.rev);
    return next;
  });
  let last = items.at(-1)?.seq ?? 0;
  for (const item of [...newest.values()].sort((a, b) => a.seq - b.seq)) {
    // A new item at a place that is taken pushed the others on.
    moved ||= item.seq <= last;
    last = Math.max(last, item.seq);
    rev = Math.max(rev, item.rev);
    items.push(item);
    changed = true;
  }
  if (!changed) return { outline, moved: false };
  if (moved) items.sort((a, b) => a.seq - b.seq);
  return { outline: { ...outline, rev, items }, moved };
}

/** What of the live stream a fresh answer does not know yet. */
export function newerThan(items: Iterable<OutlineItem>, rev: number): OutlineItem[] {
  return [...items].filter((item) => item.rev > rev);
}

/** Places where words were found, in the session's order, and which of them is shown. */
export interface Hits {
  ids: string[];
  /** -1: none yet. */
  at: number;
  /** There are more than were asked for. */
  more: boolean;
}

export const NO_HITS: Hits = { ids: [], at: -1, more: false };

/** The hits of a search, in the order of the rows; what the outline does not know is left out. */
export function inOrder(found: readonly string[], order: ReadonlyMap<string, number>): string[] {
  const known = [...new Set(found)].filter((id) => order.has(id));
  return known.sort((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0));
}

/** The hit to begin with: the first at or after the place where the reader is, else the first of all. */
export function beginAt(ids: readonly string[], order: ReadonlyMap<string, number>, from: number): number {
  if (ids.length === 0) return -1;
  const at = ids.findIndex((id) => (order.get(id) ?? 0) >= from);
  return at === -1 ? 0 : at;
}

/** The next hit, or with -1 the one before; after the last comes the first. */
export function step(hits: Hits, by: 1 | -1): Hits {
  const count = hits.ids.length;
  if (count === 0) return hits;
  if (hits.at === -1) return { ...hits, at: by === 1 ? 0 : count - 1 };
  return { ...hits, at: (hits.at + by + count) % count };
}

import { useCallback, useState } from 'react';
import type { OutlineItem } from '~/api/types';

export interface Held {
  key: string;
  /** Of an event, as it was last seen: its place is what stays its own. */
  seq?: number;
  kind?: OutlineItem['kind'];
  /** How often it got another key while it was held. */
  renamed: number;
}

/**
 * The key of a row that something is about: the focus, what is shown over the page. A model call is known by its request
 * until its answer tells the provider's id; it has another id then, and what held to the first goes on with the second.
 */
export function useHeld(
  items: readonly OutlineItem[],
  byId: ReadonlyMap<string, OutlineItem>,
): [key: string | undefined, set: (key: string | undefined) => void, renamed: number] {
  const [held, setHeld] = useState<Held>();
  const now = held && followed(held, items, byId);
  if (now !== held) setHeld(now);
  const set = useCallback(
    (key: string | undefined) => setHeld(key === undefined ? undefined : { key, renamed: 0 }),
    [],
  );
  return [now?.key, set, now?.renamed ?? 0];
}

/** What is held, by its name of now; the same object where nothing changed. */
export function followed(
  held: Held,
  items: readonly OutlineItem[],
  byId: ReadonlyMap<string, OutlineItem>,
): Held {
  const { key, seq, kind } = held;
  const known = byId.get(key);
  if (known) return known.seq === seq ? held : { ...held, seq: known.seq, kind: known.kind };
  const other = seq === undefined ? undefined : items.find((item) => item.seq === seq && item.kind === kind);
  return other ? { ...held, key: other.id, renamed: held.renamed + 1 } : held;
}

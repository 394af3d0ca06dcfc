import type { OutlineItem } from '~/api/types';

/** Events of one window: the server gives no page of bodies larger than some megabytes, and 50 fill two screens. */
export const WINDOW_EVENTS = 50;

/** Windows beside which no further is asked for at a time: a browser opens six connections in all. */
export const WINDOWS_IN_FLIGHT = 3;

/** A part of the timeline to ask for: `limit` events from `fromSeq`. */
export interface Window {
  index: number;
  fromSeq: number;
  limit: number;
  /** What is hoped to be in the answer. */
  ids: string[];
}

export const windowIndex = (seq: number): number => Math.floor((seq - 1) / WINDOW_EVENTS);

/**
 * What to ask for so that all of `wanted` is there. Windows are aligned, so that two views of one place ask the same; one
 * is narrowed to what is missing in it, so that a single change in a live session costs a single event.
 */
export function plan(wanted: readonly OutlineItem[], isFresh: (item: OutlineItem) => boolean): Window[] {
  const missing = new Map<number, OutlineItem[]>();
  for (const item of wanted) {
    if (isFresh(item)) continue;
    const index = windowIndex(item.seq);
    const group = missing.get(index);
    if (group === undefined) missing.set(index, [item]);
    else group.push(item);
  }
  return [...missing].map(([index, items]) => {
    const seqs = items.map((item) => item.seq);
    const fromSeq = Math.min(...seqs);
    return { index, fromSeq, limit: Math.max(...seqs) - fromSeq + 1, ids: items.map((item) => item.id) };
  });
}

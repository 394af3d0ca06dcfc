import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { type LiveState, useLive } from '~/api/live';
import type { OutlineItem } from '~/api/types';
import { Throttle } from '~/sessions/throttle';
import { merge, newerThan, type Outline } from '../model/outline';
import { loadOutline, outlineQuery, sessionQuery } from './queries';

/** Changes are drawn together: a streaming answer changes twenty times a second. */
const DRAW_EVERY_MS = 100;
/** However much moves, the order is asked again no more often; of a long session, which is megabytes, more rarely. */
const REORDER_EVERY_MS = 3_000;
const REORDER_EVERY_MS_PER_ITEM = 10;
/** Sums and status of the session. */
const SUMS_EVERY_MS = 2_000;
/** Live items that a fresh answer may not know yet; beyond it the answer is asked again instead. */
const RECENT_MAX = 5_000;

/** Keeps the outline of a session in step with the live stream; from the outline's own revision on, so nothing is missed. */
export function useLiveOutline(sessionId: string, outline: Outline): LiveState {
  const client = useQueryClient();
  const [from] = useState(outline.rev);
  const [reorderEvery] = useState(Math.max(REORDER_EVERY_MS, outline.last_seq * REORDER_EVERY_MS_PER_ITEM));
  // What came since the last drawing, and since the outline was last answered as a whole.
  const arrived = useRef<OutlineItem[]>([]);
  const recent = useRef(new Map<string, OutlineItem>());
  const timers = useRef<{ draw: Throttle; sums: Throttle }>(undefined);

  useEffect(() => {
    const { queryKey } = outlineQuery(sessionId);
    const draw = new Throttle(async () => {
      const known = client.getQueryData(queryKey);
      if (known === undefined) return;
      const merged = merge(known, arrived.current);
      arrived.current = [];
      if (merged.outline !== known) client.setQueryData(queryKey, merged.outline);
      if (merged.moved || recent.current.size > RECENT_MAX) reorder.poke();
    }, DRAW_EVERY_MS);
    const reorder: Throttle = new Throttle(async () => {
      const fresh = await loadOutline(sessionId).catch(() => undefined);
      if (fresh === undefined) return reorder.poke();
      // What the stream brought while the answer was on its way is put on top of it.
      const newer = newerThan(recent.current.values(), fresh.rev);
      recent.current = new Map(newer.map((item) => [item.id, item]));
      client.setQueryData(queryKey, merge(fresh, newer).outline);
    }, reorderEvery);
    const sums = new Throttle(
      () => client.invalidateQueries({ queryKey: sessionQuery(sessionId).queryKey }),
      SUMS_EVERY_MS,
    );
    timers.current = { draw, sums };
    return () => {
      for (const timer of [draw, reorder, sums]) timer.stop();
    };
  }, [client, sessionId, reorderEvery]);

  return useLive(
    (item) => {
      if (item.session_id !== sessionId) return;
      arrived.current.push(item);
      recent.current.set(item.id, item);
      timers.current?.draw.poke();
      timers.current?.sums.poke();
    },
    sessionId,
    from,
  );
}

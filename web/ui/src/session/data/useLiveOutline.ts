import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { type LiveState, useLive } from '~/api/live';
import type { OutlineItem } from '~/api/types';
import { Throttle } from '~/sessions/throttle';
import { merge, newerThan, type Outline } from '../model/outline';
import { outlineQuery, sessionQuery } from './queries';

/** Changes are drawn together: a streaming answer changes twenty times a second. */
const DRAW_EVERY_MS = 100;
/** The order of a long session is megabytes: not asked more often, however much moves. */
const REORDER_EVERY_MS = 3_000;
/** Sums and status of the session. */
const SUMS_EVERY_MS = 2_000;
/** Live items that a fresh answer may not know yet; beyond it the answer is asked again instead. */
const PENDING_MAX = 5_000;

/** Keeps the outline of a session in step with the live stream; from the outline's own revision on, so nothing is missed. */
export function useLiveOutline(sessionId: string, outline: Outline): LiveState {
  const client = useQueryClient();
  const [from] = useState(outline.rev);
  const arrived = useRef(new Map<string, OutlineItem>());
  const timers = useRef<{ draw: Throttle; sums: Throttle }>(undefined);

  useEffect(() => {
    const { queryKey } = outlineQuery(sessionId);
    const draw = new Throttle(async () => {
      const known = client.getQueryData(queryKey);
      if (known === undefined) return;
      const merged = merge(known, [...arrived.current.values()]);
      if (merged.outline !== known) client.setQueryData(queryKey, merged.outline);
      if (merged.moved || arrived.current.size > PENDING_MAX) reorder.poke();
    }, DRAW_EVERY_MS);
    const reorder: Throttle = new Throttle(async () => {
      const fresh = await client
        .fetchQuery({ ...outlineQuery(sessionId), staleTime: 0 })
        .catch(() => undefined);
      if (fresh === undefined) return reorder.poke();
      // What the stream brought while the answer was on its way is put on top of it.
      arrived.current = new Map(
        newerThan(arrived.current.values(), fresh.rev).map((item) => [item.id, item]),
      );
      draw.poke();
    }, REORDER_EVERY_MS);
    const sums = new Throttle(
      () => client.invalidateQueries({ queryKey: sessionQuery(sessionId).queryKey }),
      SUMS_EVERY_MS,
    );
    timers.current = { draw, sums };
    return () => {
      for (const timer of [draw, reorder, sums]) timer.stop();
    };
  }, [client, sessionId]);

  return useLive(
    (item) => {
      if (item.session_id !== sessionId) return;
      arrived.current.set(item.id, item);
      timers.current?.draw.poke();
      timers.current?.sums.poke();
    },
    sessionId,
    from,
  );
}

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useEffectEvent, useRef, useState } from 'react';
import { useLive } from '~/api/live';
import type { Session } from '~/api/types';
import { Throttle } from '~/sessions/throttle';
import { fetchSessions } from '~/sessions/useSessions';
import { useFilterValues } from '~/sessions/values';
import { arrivals, type Before, connected, firstLook } from './arrivals';

/** New events lead to at most one look in this time. */
const LOOK_MS = 1000;
/** A server that does not answer is asked again after this time. */
const RETRY_MS = 5000;

export interface Arrivals {
  /** Sessions that came since the page was opened. */
  arrived: Session[];
  /** Guides of which there is any session. */
  connected: Set<string>;
  /** The newest sessions that a hook told of. */
  hooked: Session[];
  failed: boolean;
}

/** Which sessions came since the page was opened, of which agents there are any, and which hooks told of. */
export function useArrivals(): Arrivals {
  const queries = useQueryClient();
  const throttle = useRef<Throttle>(undefined);
  const [seen, setSeen] = useState<Before>();
  const agents = useFilterValues('agent', true);
  const sessions = useQuery({
    queryKey: ['connect-sessions'],
    queryFn: ({ signal }) => fetchSessions({}, undefined, signal),
    staleTime: 0,
    gcTime: 0,
    refetchInterval: (query) => (query.state.status === 'error' ? RETRY_MS : false),
  });
  const hooked = useQuery({
    queryKey: ['connect-hooks'],
    queryFn: ({ signal }) => fetchSessions({ channel: 'hook' }, undefined, signal),
    staleTime: 0,
    gcTime: 0,
  });
  // What is there at the first look was there before.
  if (seen === undefined && sessions.data) setSeen(firstLook(sessions.data));

  const look = useEffectEvent(async () => {
    await Promise.all([
      sessions.refetch(),
      hooked.refetch(),
      queries.invalidateQueries({ queryKey: ['values', 'agent'] }),
    ]);
  });
  useEffect(() => {
    const made = new Throttle(() => look(), LOOK_MS);
    throttle.current = made;
    return () => made.stop();
  }, []);
  useLive(() => throttle.current?.poke());

  const arrived = seen && sessions.data ? arrivals(sessions.data, seen) : [];
  const slugs = [
    ...(agents.data ?? []).map((agent) => agent.value),
    ...arrived.map(({ agent }) => agent.slug),
  ];
  return { arrived, connected: connected(slugs), hooked: hooked.data?.items ?? [], failed: sessions.isError };
}

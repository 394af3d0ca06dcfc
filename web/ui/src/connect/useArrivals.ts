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

/** Which sessions came since the page was opened, and of which agents there are any. */
export function useArrivals(): { arrived: Session[]; connected: Set<string>; failed: boolean } {
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
  // What is there at the first look was there before.
  if (seen === undefined && sessions.data) setSeen(firstLook(sessions.data));

  const look = useEffectEvent(async () => {
    await Promise.all([sessions.refetch(), queries.invalidateQueries({ queryKey: ['values', 'agent'] })]);
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
  return { arrived, connected: connected(slugs), failed: sessions.isError };
}

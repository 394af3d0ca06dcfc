import { useCallback, useEffect, useState, useSyncExternalStore } from 'react';
import type { ClippedEvent } from '../cards/types';
import { Bodies } from './bodies';
import { bodySource } from './queries';

/** The store of bodies of one session, for as long as its page is shown (the page is keyed by the session). */
export function useBodies(sessionId: string): Bodies {
  const [bodies] = useState(() => new Bodies(bodySource(sessionId)));
  useEffect(() => () => bodies.close(), [bodies]);
  return bodies;
}

/** The body of one event, once it is there. */
export function useBody(bodies: Bodies, id: string): ClippedEvent | undefined {
  const subscribe = useCallback((listener: () => void) => bodies.subscribe(id, listener), [bodies, id]);
  return useSyncExternalStore(subscribe, () => bodies.get(id));
}

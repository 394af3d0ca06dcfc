import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useEffectEvent } from 'react';
import type { OutlineItem } from '~/api/types';
import { eventQuery } from './data/queries';

/** Goes to the event that the address names, also by an older id, and into another session if it belongs there. */
export function useTarget(
  sessionId: string,
  id: string | undefined,
  byId: ReadonlyMap<string, OutlineItem>,
  onFound: (item: OutlineItem) => void,
): { missing: boolean } {
  const navigate = useNavigate({ from: '/sessions/$sessionId' });
  const item = id === undefined ? undefined : byId.get(id);
  const here = item !== undefined;
  const resolved = useQuery({ ...eventQuery(id ?? ''), enabled: id !== undefined && !here, retry: false });
  const found = useEffectEvent(() => item && onFound(item));
  useEffect(() => {
    // `here`: an event that comes with the live stream is gone to when it is there, not at each change of it.
    if (id !== undefined && here) found();
  }, [id, here]);

  const event = here ? undefined : resolved.data;
  const current = event?.id;
  const owner = event?.session_id;
  useEffect(() => {
    if (current === undefined || owner === undefined) return;
    // The same id in the same session, but not in the outline: it has just come, and the stream brings it.
    if (current === id && owner === sessionId) return;
    void navigate({
      params: { sessionId: owner },
      search: (last) => ({ ...last, event: current }),
      replace: true,
    });
  }, [current, owner, id, sessionId, navigate]);
  return { missing: id !== undefined && !here && resolved.isError };
}

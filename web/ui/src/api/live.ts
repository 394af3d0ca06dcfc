import { useEffect, useEffectEvent, useState } from 'react';
import { queryClient } from '~/app/queryClient';
import type { OutlineItem } from './types';

/** Whether new events arrive at once (`open`), after a break (`waiting`), or not while the tab is hidden (`paused`). */
export type LiveState = 'open' | 'waiting' | 'paused';

/** How long to wait before asking again after an answer that is no stream (too many are open, say): milliseconds. */
const REOPEN_MS = 10_000;

/**
 * Listens to events as they are appended or change, of one session or of all.
 *
 * The stream is closed while the tab is hidden: a browser opens six connections to a plain-HTTP server in all, and
 * six forgotten tabs would else keep the seventh from loading anything. When shown again it goes on after the last
 * revision that it saw, so that nothing is missed.
 *
 * `after`: the revision that the page was loaded with; without it the stream begins now.
 */
export function useLive(onEvent: (item: OutlineItem) => void, sessionId?: string, after?: number): LiveState {
  const [state, setState] = useState<LiveState>('waiting');
  const receive = useEffectEvent(onEvent);
  const begin = useEffectEvent(() => after);

  useEffect(() => {
    let source: EventSource | undefined;
    let reopening: ReturnType<typeof setTimeout> | undefined;
    let lastRev = begin();
    const saw = (rev: number) => {
      lastRev = Math.max(lastRev ?? 0, rev);
    };
    const open = () => {
      if (source || document.hidden) return;
      source = new EventSource(`/api/v1/live?${liveQuery(sessionId, lastRev)}`);
      source.onopen = () => setState('open');
      source.onerror = () => {
        setState('waiting');
        // A broken stream the browser opens again by itself; after an answer that is none it gives up.
        if (source?.readyState !== EventSource.CLOSED) return;
        close();
        // Whoever is not signed in any more is shown the sign-in form.
        void queryClient.invalidateQueries({ queryKey: ['me'] });
        reopening = setTimeout(open, REOPEN_MS);
      };
      source.addEventListener('begin', (message: MessageEvent<string>) => saw(Number(message.data)));
      source.addEventListener('outline', (message: MessageEvent<string>) => {
        const item = JSON.parse(message.data) as OutlineItem;
        saw(item.rev);
        receive(item);
      });
    };
    const close = () => {
      clearTimeout(reopening);
      source?.close();
      source = undefined;
    };
    const follow = () => {
      if (document.hidden) {
        close();
        setState('paused');
      } else {
        open();
      }
    };
    open();
    document.addEventListener('visibilitychange', follow);
    return () => {
      document.removeEventListener('visibilitychange', follow);
      close();
    };
  }, [sessionId]);

  return state;
}

function liveQuery(sessionId: string | undefined, after: number | undefined): string {
  const query = new URLSearchParams({ outline: 'true' });
  if (sessionId !== undefined) query.set('session', sessionId);
  if (after !== undefined) query.set('after', String(after));
  return query.toString();
}

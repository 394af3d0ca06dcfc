import { useCallback, useEffect, useEffectEvent, useState } from 'react';
import type { ListedSession } from '~/api/schema';
import { takesKeys } from './keys';

const STEPS: Record<string, number> = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 };

/**
 * `j`, `k` and the arrows go from row to row. The focus itself moves, so that Enter opens; a row that is not there yet
 * takes it once it is laid out.
 */
export function useRowKeys(sessions: readonly ListedSession[], scrollTo: (index: number) => void) {
  const [wanted, setWanted] = useState<string>();

  const go = useEffectEvent((event: KeyboardEvent) => {
    const step = STEPS[event.key];
    if (step === undefined || event.shiftKey || takesKeys(event)) return;
    const focused = document.activeElement?.closest<HTMLElement>('[data-row]')?.dataset.row;
    // The arrows scroll and choose elsewhere; only in the list they are ours.
    if (event.key.startsWith('Arrow') && focused === undefined) return;
    const at = focused === undefined ? -1 : sessions.findIndex((session) => session.id === focused);
    const next = at < 0 ? 0 : at + step;
    const session = sessions[next];
    event.preventDefault();
    if (!session) return;
    scrollTo(next);
    setWanted(session.id);
  });

  useEffect(() => {
    const listen = (event: KeyboardEvent) => go(event);
    document.addEventListener('keydown', listen);
    return () => document.removeEventListener('keydown', listen);
  }, []);

  return { wanted, onFocused: useCallback(() => setWanted(undefined), []) };
}

import { useCallback, useState } from 'react';
import type { OutlineItem } from '~/api/types';
import { toggled } from '../useRows';

export interface Expanded {
  ids: ReadonlySet<string>;
  toggle(id: string): void;
  open(id: string): void;
  /** Opens all tool calls of a turn; closes them if all are open. */
  toggleTurn(turn: number): void;
}

/** Which bodies the reader opened. */
export function useExpanded(items: readonly OutlineItem[]): Expanded {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  const toggle = useCallback((id: string) => setIds((last) => toggled(last, id)), []);
  const open = useCallback(
    (id: string) => setIds((last) => (last.has(id) ? last : new Set(last).add(id))),
    [],
  );
  const toggleTurn = useCallback(
    (turn: number) => {
      const calls = items
        .filter((item) => item.turn === turn && item.kind === 'tool_call')
        .map(({ id }) => id);
      setIds((last) => {
        const next = new Set(last);
        const close = calls.every((id) => last.has(id));
        for (const id of calls) {
          if (close) next.delete(id);
          else next.add(id);
        }
        return next;
      });
    },
    [items],
  );
  return { ids, toggle, open, toggleTurn };
}

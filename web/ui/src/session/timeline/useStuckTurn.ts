import type { Virtualizer } from '@tanstack/react-virtual';
import { type RefObject, useEffect, useState } from 'react';
import type { Row, TurnRow } from '../model/rows';

/** The turn whose head is out of sight above while its rows are in view. */
export function useStuckTurn(
  scroller: RefObject<HTMLElement | null>,
  virtualizer: Virtualizer<HTMLDivElement, HTMLDivElement>,
  rows: readonly Row[],
  covered: number,
): TurnRow | undefined {
  const [key, setKey] = useState<string>();
  useEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const look = () => {
      // As the virtualizer knows it: to ask the element would lay the page out once more.
      const top = (virtualizer.scrollOffset ?? 0) + covered;
      let index = virtualizer.getVirtualItemForOffset(top)?.index ?? 0;
      while (index > 0 && rows[index]?.type !== 'turn') index -= 1;
      const start = virtualizer.measurementsCache[index]?.start ?? Number.POSITIVE_INFINITY;
      setKey(start < top ? rows[index]?.key : undefined);
    };
    look();
    element.addEventListener('scroll', look, { passive: true });
    return () => element.removeEventListener('scroll', look);
  }, [scroller, virtualizer, rows, covered]);
  const row = rows.find((one) => one.key === key);
  return row?.type === 'turn' ? row : undefined;
}

import { type RefObject, useEffect, useState } from 'react';
import type { Row } from '../model/rows';
import { anyRow, isFailed, isTurn, nextRow } from '../model/steps';
import { useKeys } from '../useKeys';
import type { RowActions } from './actions';
import type { TimelineHandle } from './TimelinePane';

interface Parts {
  timeline: RefObject<TimelineHandle | null>;
  rows: readonly Row[];
  activeKey: string | undefined;
  setActiveKey: (key: string) => void;
  actions: RowActions;
  say: (words: string) => void;
  openContext: (id: string) => void;
  toggleFollow: () => void;
  showFind: () => void;
  showHelp: () => void;
}

/** Going through the rows by keys. */
export function useRowKeys(parts: Parts): void {
  const { timeline, rows, activeKey, setActiveKey, actions } = parts;
  // An object for each request: the same row may be asked for twice.
  const [focus, setFocus] = useState<{ key: string }>();
  useEffect(() => {
    if (focus) timeline.current?.focus(focus.key);
  }, [focus, timeline]);

  const index = activeKey === undefined ? -1 : rows.findIndex((row) => row.key === activeKey);
  const at = index === -1 ? undefined : index;
  const goTo = (index: number, align: 'auto' | 'start') => {
    const row = rows[index];
    if (row === undefined) return;
    setActiveKey(row.key);
    setFocus({ key: row.key });
    timeline.current?.seek(row.key, align);
  };
  const step = (by: 1 | -1, fits: (row: Row) => boolean, none: string, align: 'auto' | 'start' = 'auto') => {
    const here = at ?? (timeline.current?.firstSeen() ?? 0) - 1;
    const index = nextRow(rows, here, by, fits);
    if (index === -1) parts.say(none);
    else goTo(index, align);
  };
  const open = () => {
    const row = at === undefined ? undefined : rows[at];
    if (row === undefined) return;
    if (row.type === 'event') actions.toggle(row.key);
    else actions.fold(row.key);
  };
  const toFirst = () => goTo(0, 'start');
  const toLast = () => goTo(rows.length - 1, 'auto');
  useKeys(
    {
      j: () => step(1, anyRow, 'The last row'),
      k: () => step(-1, anyRow, 'The first row'),
      n: () => step(1, isTurn, 'No later turn', 'start'),
      p: () => step(-1, isTurn, 'No earlier turn', 'start'),
      e: () => step(1, isFailed, 'No later error'),
      Enter: open,
      ' ': at === undefined ? undefined : open,
      Home: toFirst,
      End: toLast,
      c: () => activeKey !== undefined && parts.openContext(activeKey),
      f: parts.toggleFollow,
      '?': parts.showHelp,
    },
    parts.showFind,
  );
}

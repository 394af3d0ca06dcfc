import { type Range, useVirtualizer, type Virtualizer } from '@tanstack/react-virtual';
import { type RefObject, useCallback, useEffect, useLayoutEffect, useMemo, useRef } from 'react';
import type { Bodies } from '../data/bodies';
import { estimate, TURN_ROW } from '../model/estimate';
import type { Row } from '../model/rows';
import type { Frame } from './useFrame';

/** Rows drawn above and below what is seen. */
const OVERSCAN_ROWS = 5;
/** Rows beyond the drawn ones whose bodies are loaded ahead. */
const AHEAD_ROWS = 16;
/** While the page flies by, bodies are not asked for each place on the way. */
const FLYING_MS = 80;

export interface Timeline {
  virtualizer: Virtualizer<HTMLDivElement, HTMLDivElement>;
  /** Of each row's key its place. */
  indexOf: ReadonlyMap<string, number>;
  /** Scrolls to the row with that key as soon as there is one. */
  seek(key: string, align?: Align): void;
}

/** Which rows are drawn, where, and which bodies are loaded. */
export function useTimeline(
  scroller: RefObject<HTMLDivElement | null>,
  rows: readonly Row[],
  frame: Frame,
  bodies: Bodies,
  activeKey: string | undefined,
): Timeline {
  const indexOf = useMemo(() => new Map(rows.map((row, index) => [row.key, index])), [rows]);
  const active = activeKey === undefined ? undefined : indexOf.get(activeKey);
  const virtualizer = useVirtualizer<HTMLDivElement, HTMLDivElement>({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: useCallback(
      (index: number) => {
        const row = rows[index];
        return row === undefined ? TURN_ROW : estimate(row, frame.width);
      },
      [rows, frame.width],
    ),
    getItemKey: useCallback((index: number) => rows[index]?.key ?? index, [rows]),
    rangeExtractor: useCallback((range: Range) => drawn(range, active), [active]),
    overscan: OVERSCAN_ROWS,
    scrollMargin: frame.margin,
    scrollPaddingStart: frame.covered + TURN_ROW,
    scrollPaddingEnd: 8,
  });
  useAnchor(scroller, virtualizer, rows, indexOf, frame.covered);
  useWanted(virtualizer, rows, bodies);

  useAdjustment(virtualizer, frame.covered);
  const seek = useSeek(scroller, virtualizer, indexOf, frame.margin > 0);
  return { virtualizer, indexOf, seek };
}

/** The rows of a range, and the row with the focus: taken away it would lose it. */
function drawn(range: Range, active: number | undefined): number[] {
  const first = Math.max(0, range.startIndex - range.overscan);
  const last = Math.min(range.count - 1, range.endIndex + range.overscan);
  const indexes = Array.from({ length: Math.max(0, last - first + 1) }, (_, at) => first + at);
  if (active === undefined || active >= range.count) return indexes;
  if (active < first) return [active, ...indexes];
  return active > last ? [...indexes, active] : indexes;
}

type Align = 'start' | 'center' | 'auto';

/** A row that was gone to keeps its place for so long, while rows about it load and change their heights. */
const HOLD_MS = 3_000;

/** Going to rows: to one that is folded or filtered away as soon as it is there. */
function useSeek(
  scroller: RefObject<HTMLDivElement | null>,
  virtualizer: Virtualizer<HTMLDivElement, HTMLDivElement>,
  indexOf: ReadonlyMap<string, number>,
  placed: boolean,
): Timeline['seek'] {
  const goal = useRef<{ key: string; align: Align; reachedAt?: number }>(undefined);
  const pursue = useCallback(() => {
    const now = goal.current;
    const index = now && indexOf.get(now.key);
    if (now === undefined || index === undefined || !placed) return;
    if (now.reachedAt !== undefined && Date.now() - now.reachedAt > HOLD_MS) {
      goal.current = undefined;
      return;
    }
    const [offset] = virtualizer.getOffsetForIndex(index, now.align) ?? [];
    const there = offset !== undefined && Math.abs(offset - (virtualizer.scrollOffset ?? 0)) <= 1;
    if (now.reachedAt === undefined || !there) virtualizer.scrollToIndex(index, { align: now.align });
    now.reachedAt ??= Date.now();
  }, [indexOf, placed, virtualizer]);
  // After each drawing: what was drawn may have moved the row.
  useEffect(pursue);

  useEffect(() => {
    const element = scroller.current;
    if (element === null || !placed) return;
    const release = () => {
      if (goal.current?.reachedAt !== undefined) goal.current = undefined;
    };
    const hands = ['wheel', 'touchmove', 'pointerdown', 'keydown'] as const;
    for (const hand of hands) element.addEventListener(hand, release, { passive: true });
    return () => {
      for (const hand of hands) element.removeEventListener(hand, release);
    };
  }, [scroller, placed]);

  return useCallback(
    (key: string, align: Align = 'auto') => {
      goal.current = { key, align };
      pursue();
    },
    [pursue],
  );
}

/** Rows that prove to be higher or lower than thought move what is seen only if they are seen themselves. */
function useAdjustment(virtualizer: Virtualizer<HTMLDivElement, HTMLDivElement>, covered: number): void {
  useLayoutEffect(() => {
    virtualizer.shouldAdjustScrollPositionOnItemSizeChange = (item, _delta, instance) => {
      const top = (instance.scrollOffset ?? 0) + covered;
      return instance.itemSizeCache.has(item.key) ? item.end <= top : item.start < top;
    };
  }, [virtualizer, covered]);
}

/** Holds the row at the top of the view in its place when rows come or go above it. */
function useAnchor(
  scroller: RefObject<HTMLDivElement | null>,
  virtualizer: Virtualizer<HTMLDivElement, HTMLDivElement>,
  rows: readonly Row[],
  indexOf: ReadonlyMap<string, number>,
  covered: number,
): void {
  const anchor = useRef<{ keys: string[]; at: number }>(undefined);
  const lastRows = useRef(rows);
  useLayoutEffect(() => {
    const moved = lastRows.current !== rows;
    lastRows.current = rows;
    const [element, held] = [scroller.current, anchor.current];
    if (!moved || element === null || held === undefined) return;
    const index = held.keys.map((key) => indexOf.get(key)).find((at) => at !== undefined);
    const item = index === undefined ? undefined : virtualizer.measurementsCache[index];
    if (item === undefined) return;
    const shift = item.start - element.scrollTop - held.at;
    if (Math.abs(shift) >= 1) element.scrollTop += shift;
  }, [rows, indexOf, virtualizer, scroller]);
  useLayoutEffect(() => {
    // The offset as the virtualizer knows it: to ask the element would lay the page out at each drawing.
    const offset = virtualizer.scrollOffset ?? 0;
    const seen = virtualizer.getVirtualItems().filter((item) => item.end > offset + covered);
    const first = seen[0];
    anchor.current =
      first === undefined || offset === 0
        ? undefined
        : { keys: seen.map((item) => String(item.key)), at: first.start - offset };
  });
}

/** Tells the store which bodies are in view or near. */
function useWanted(
  virtualizer: Virtualizer<HTMLDivElement, HTMLDivElement>,
  rows: readonly Row[],
  bodies: Bodies,
): void {
  const range = virtualizer.range;
  const first = Math.max(0, (range?.startIndex ?? 0) - AHEAD_ROWS);
  const last = (range?.endIndex ?? 0) + AHEAD_ROWS;
  const flying = virtualizer.isScrolling;
  useEffect(() => {
    const ask = () =>
      bodies.want(rows.slice(first, last + 1).flatMap((row) => (row.type === 'event' ? [row.item] : [])));
    if (!flying) return ask();
    const timer = setTimeout(ask, FLYING_MS);
    return () => clearTimeout(timer);
  }, [bodies, rows, first, last, flying]);
}

import { memo, type RefObject, useImperativeHandle, useLayoutEffect, useRef } from 'react';
import type { Bodies } from '../data/bodies';
import { Minimap } from '../minimap/Minimap';
import type { Row } from '../model/rows';
import { Feed } from './Feed';
import styles from './TimelinePane.module.css';
import { TurnHead } from './TurnHead';
import type { Frame } from './useFrame';
import { useStuckTurn } from './useStuckTurn';
import { useTimeline } from './useTimeline';

/** What others may ask of the timeline. */
export interface TimelineHandle {
  /** Scrolls to a row as soon as there is one with that key. */
  seek(key: string, align?: 'start' | 'center' | 'auto'): void;
  /** Gives a row in view the focus. */
  focus(key: string): void;
  /** A row in view. */
  rowOf(key: string): HTMLElement | undefined;
  /** Index of the first row in view. */
  firstSeen(): number;
}

export interface TimelinePaneProps {
  handle: RefObject<TimelineHandle | null>;
  scroller: RefObject<HTMLDivElement | null>;
  feed: RefObject<HTMLDivElement | null>;
  frame: Frame;
  rows: readonly Row[];
  bodies: Bodies;
  activeKey: string | undefined;
  /** The event that the address names. */
  target: string | undefined;
  expanded: ReadonlySet<string>;
  find: string | undefined;
  /** Rows where words were found. */
  hits: ReadonlySet<string>;
  /** The one of them that is shown. */
  hit: string | undefined;
  /** Called when rows changed their sizes. */
  onResize: () => void;
}

/** The rows, the head of the turn that one is in, and the map: all that changes while one scrolls. */
export const TimelinePane = memo(function TimelinePane(props: TimelinePaneProps) {
  const { handle, scroller, feed, frame, rows, bodies, activeKey, onResize } = props;
  const timeline = useTimeline(scroller, rows, frame, bodies, activeKey);
  const { virtualizer, seek, indexOf } = timeline;
  const stuck = useStuckTurn(scroller, virtualizer, rows, frame.covered);
  const first = useFirstSeen(virtualizer.range?.startIndex ?? 0);
  const totalSize = virtualizer.getTotalSize();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the size is what it is called for
  useLayoutEffect(onResize, [totalSize, onResize]);
  useImperativeHandle(
    handle,
    () => ({
      seek,
      focus: (key) => virtualizer.elementsCache.get(key)?.focus({ preventScroll: true }),
      rowOf: (key) => virtualizer.elementsCache.get(key),
      firstSeen: () => first.current,
    }),
    [seek, virtualizer, first],
  );
  return (
    <div className={styles.pane} style={{ '--covered': `${frame.covered}px` } as React.CSSProperties}>
      <div className={styles.rows}>
        {stuck && (
          <div className={styles.stuck} aria-hidden>
            <TurnHead turn={stuck.turn} collapsed={stuck.collapsed} stuck />
          </div>
        )}
        <Feed
          feed={feed}
          timeline={timeline}
          rows={rows}
          margin={frame.margin}
          activeKey={activeKey !== undefined && indexOf.has(activeKey) ? activeKey : undefined}
          target={props.target}
          hit={props.hit}
          expanded={props.expanded}
          find={props.find}
        />
      </div>
      <Minimap
        rows={rows}
        view={{ first: virtualizer.range?.startIndex ?? 0, last: virtualizer.range?.endIndex ?? 0 }}
        hits={props.hits}
        onGo={(index) => virtualizer.scrollToIndex(index, { align: 'center' })}
      />
    </div>
  );
});

/** The index, for those who ask between drawings. */
function useFirstSeen(index: number): RefObject<number> {
  const first = useRef(index);
  useLayoutEffect(() => {
    first.current = index;
  });
  return first;
}

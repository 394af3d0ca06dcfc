import { memo, type RefObject } from 'react';
import { plainly } from '~/content/chars';
import { spoken } from '../model/kinds';
import type { Row } from '../model/rows';
import { useRowActions } from './actions';
import { EventRow } from './EventRow';
import { LaneHead } from './LaneHead';
import styles from './Row.module.css';
import { TurnHead } from './TurnHead';
import type { Timeline } from './useTimeline';

export interface FeedProps {
  feed: RefObject<HTMLDivElement | null>;
  timeline: Timeline;
  rows: readonly Row[];
  margin: number;
  /** The one row that Tab reaches. */
  activeKey: string | undefined;
  /** The row that the address names. */
  target: string | undefined;
  /** The row in which words were found last. */
  hit: string | undefined;
  expanded: ReadonlySet<string>;
  find: string | undefined;
}

/** The rows in view. */
export function Feed(props: FeedProps) {
  const { feed, timeline, rows, margin, activeKey, target, hit, expanded, find } = props;
  const { virtualizer } = timeline;
  return (
    <div ref={feed} role="feed" aria-label="Timeline" style={{ height: virtualizer.getTotalSize() }}>
      {virtualizer.getVirtualItems().map((place) => {
        const row = rows[place.index];
        if (row === undefined) return null;
        const active = row.key === activeKey || (activeKey === undefined && place.index === 0);
        return (
          <Place
            key={row.key}
            row={row}
            index={place.index}
            top={place.start - margin}
            count={rows.length}
            measure={virtualizer.measureElement}
            active={active}
            target={row.key === target}
            hit={row.key === hit}
            expanded={expanded.has(row.key)}
            find={find}
          />
        );
      })}
    </div>
  );
}

interface PlaceProps {
  row: Row;
  index: number;
  top: number;
  count: number;
  measure: (element: HTMLDivElement | null) => void;
  active: boolean;
  target: boolean;
  hit: boolean;
  expanded: boolean;
  find: string | undefined;
}

/** A row at its place. */
const Place = memo(function Place(props: PlaceProps) {
  const { row, index, top, count, measure, active, target, hit, expanded, find } = props;
  const { activate } = useRowActions();
  return (
    // biome-ignore lint/a11y/useSemanticElements: a row is placed by itself, and `div` is measured
    <div
      ref={measure}
      role="article"
      aria-posinset={index + 1}
      aria-setsize={count}
      aria-label={label(row)}
      tabIndex={active ? 0 : -1}
      data-index={index}
      data-active={active || undefined}
      data-target={target || undefined}
      data-hit={hit || undefined}
      className={styles.row}
      style={{ transform: `translateY(${top}px)` }}
      onFocus={() => activate(row.key)}
    >
      <Inside row={row} expanded={expanded} find={find} />
    </div>
  );
});

function Inside({ row, expanded, find }: { row: Row; expanded: boolean; find: string | undefined }) {
  if (row.type === 'turn') return <TurnHead turn={row.turn} collapsed={row.collapsed} />;
  if (row.type === 'lane') return <LaneHead row={row} />;
  return (
    <EventRow item={row.item} permission={row.permission} rail={row.rail} expanded={expanded} find={find} />
  );
}

function label(row: Row): string {
  if (row.type === 'event') return plainly(spoken(row.item));
  if (row.type === 'lane') return `Subagent: ${plainly(row.lane.name)}`;
  return row.turn.number === 0
    ? 'Before the first prompt'
    : plainly(`Turn ${row.turn.number}: ${row.turn.prompt}`);
}

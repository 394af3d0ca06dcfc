import { failed, KINDS, type Kind, kindOf } from './kinds';
import { MAIN } from './lanes';
import type { Row } from './rows';

/** Lanes side by side; further subagents share the last column. */
export const COLUMNS_MAX = 6;
/** A row is drawn no higher, so that a short session does not become a wall of colour. */
export const MARK_PX_MAX = 6;

const KIND_INDEX = Object.fromEntries(KINDS.map((kind, index) => [kind, index])) as Record<Kind, number>;

/** One event in the map. */
export interface Mark {
  /** Index of its row. */
  index: number;
  column: number;
  kind: Kind;
  failed: boolean;
}

export interface MinimapModel {
  marks: Mark[];
  /** Indexes of the rows that begin a turn. */
  turns: number[];
  columns: number;
  rows: number;
}

/** The rows as marks, a column for each lane. */
export function minimapOf(rows: readonly Row[]): MinimapModel {
  const columnOf = new Map<string, number>([[MAIN, 0]]);
  const marks: Mark[] = [];
  const turns: number[] = [];
  for (const [index, row] of rows.entries()) {
    if (row.type === 'turn') turns.push(index);
    if (row.type !== 'event') continue;
    const lane = row.item.subagent_id ?? MAIN;
    let column = columnOf.get(lane);
    if (column === undefined) {
      column = Math.min(columnOf.size, COLUMNS_MAX - 1);
      columnOf.set(lane, column);
    }
    marks.push({ index, column, kind: kindOf(row.item), failed: failed(row.item) });
  }
  return { marks, turns, columns: Math.min(columnOf.size, COLUMNS_MAX), rows: rows.length };
}

/**
 * Where rows are thinner than a pixel: how many events of each kind fall into each line of pixels of each column, at
 * `(line * columns + column) * KINDS.length + kind`.
 */
export function bucketsOf(model: MinimapModel, lines: number): Uint16Array {
  const kinds = KINDS.length;
  const counts = new Uint16Array(lines * model.columns * kinds);
  const perRow = lines / Math.max(1, model.rows);
  for (const mark of model.marks) {
    const line = Math.min(lines - 1, Math.floor(mark.index * perRow));
    const at = (line * model.columns + mark.column) * kinds + KIND_INDEX[mark.kind];
    counts[at] = (counts[at] ?? 0) + 1;
  }
  return counts;
}

/** Left edge and width of a column: the main thread takes half where there are others. */
export function columnPx(column: number, columns: number, width: number): { left: number; width: number } {
  if (columns === 1) return { left: 0, width };
  const half = width / 2;
  if (column === 0) return { left: 0, width: half };
  const share = half / (columns - 1);
  return { left: half + (column - 1) * share, width: share };
}

/** Pixels of one row in a map of that height. */
export const rowPx = (rows: number, height: number): number =>
  Math.min(MARK_PX_MAX, height / Math.max(1, rows));

/** The row at a place of the map. */
export function rowAt(y: number, rows: number, height: number): number {
  const index = Math.floor(y / rowPx(rows, height));
  return Math.max(0, Math.min(rows - 1, index));
}

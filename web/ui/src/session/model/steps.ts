import { failed } from './kinds';
import type { Row } from './rows';

/** The next row after `from` (before it, with `by` -1) that `fits`; -1 if there is none. */
export function nextRow(rows: readonly Row[], from: number, by: 1 | -1, fits: (row: Row) => boolean): number {
  for (let index = from + by; index >= 0 && index < rows.length; index += by) {
    const row = rows[index];
    if (row !== undefined && fits(row)) return index;
  }
  return -1;
}

export const anyRow = (): boolean => true;
export const isTurn = (row: Row): boolean => row.type === 'turn';
export const isFailed = (row: Row): boolean => row.type === 'event' && failed(row.item);

import type { OutlineItem } from '~/api/types';
import { kindOf } from './kinds';
import type { Row } from './rows';

/** Pixels at the root text size of 16: what a row is taken for until it is measured. */
export const TURN_ROW = 40;
export const LANE_ROW = 32;
const LINE_ROW = 28;
const TOOL_ROW = 36;
const REASONING_ROW = 34;
const TEXT_LINE = 20;
/** Around the lines: a prompt's frame, a completion's head. */
const PROMPT_FRAME = 24;
const COMPLETION_FRAME = 28;
/** The button under a text that is not shown whole. */
const MORE = 20;
/** A letter of running text, and the room of the gutter beside it. */
const LETTER = 7;
const GUTTER = 240;
/** Cards show no more lines of a text until they are opened. */
export const TEXT_LINES_SHOWN = 12;

/** About how high a row will be; wrong by little, so that the scroll bar and the rows stand still while measured. */
export function estimate(row: Row, width: number): number {
  if (row.type === 'turn') return TURN_ROW;
  if (row.type === 'lane') return LANE_ROW;
  return estimateItem(row.item, width);
}

function estimateItem(item: OutlineItem, width: number): number {
  switch (kindOf(item)) {
    case 'model':
    case 'permission':
    case 'span':
    case 'other':
      return LINE_ROW;
    case 'builtin':
    case 'mcp':
    case 'cli':
      return TOOL_ROW;
    case 'reasoning':
      return REASONING_ROW;
    case 'prompt':
      return PROMPT_FRAME + textHeight(item, width);
    case 'completion':
      return COMPLETION_FRAME + textHeight(item, width);
  }
}

function textHeight(item: OutlineItem, width: number): number {
  const lines = textLines(item, width);
  return lines * TEXT_LINE + (lines === TEXT_LINES_SHOWN ? MORE : 0);
}

/** Lines of a text as it wraps: each of its own lines, and what is too long for one. */
export function textLines(item: OutlineItem, width: number): number {
  const perLine = Math.max(20, Math.floor((width - GUTTER) / LETTER));
  const wrapped = Math.ceil(item.chars / perLine);
  const lines = Math.max(1, item.lines, wrapped);
  return Math.min(lines, TEXT_LINES_SHOWN);
}

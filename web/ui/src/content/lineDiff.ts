import { diffLines, diffWordsWithSpace } from 'diff';
import { DIFF_AROUND, DIFF_CHARS, DIFF_EDITS, DIFF_MS, DIFF_WORD_PAIRS, DIFF_WORDS_CHARS } from './limits';
import type { Hunk, PatchLine } from './patch';

/** A line as it is shown: its numbers on both sides where known, and which words of it changed. */
export interface Row {
  sign: PatchLine['sign'];
  text: string;
  oldLine?: number | undefined;
  newLine?: number | undefined;
  /** The line in parts, when only some words of it changed. */
  words?: { text: string; changed: boolean }[];
}

/** Rows that are shown, or unchanged ones that are folded. */
export type Section = { place: string; rows: Row[] } | { folded: Row[] };

/** Compares two texts line by line; `undefined` when that would take too long. */
export function compared(before: string, after: string): PatchLine[] | undefined {
  if (before.length + after.length > DIFF_CHARS) return undefined;
  const found = diffLines(before, after, { maxEditLength: DIFF_EDITS, timeout: DIFF_MS });
  return found?.flatMap((part) => {
    const sign = part.added ? '+' : part.removed ? '-' : ' ';
    return textLines(part.value).map((text): PatchLine => ({ sign, text }));
  });
}

/** All lines of a text, with one sign. */
export function oneSided(text: string, sign: PatchLine['sign']): PatchLine[] {
  return text === '' ? [] : textLines(text).map((line) => ({ sign, text: line }));
}

function textLines(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** Numbers a hunk's lines and finds the words that changed. */
export function rowsOf(hunk: Hunk): Row[] {
  let oldLine = hunk.oldStart;
  let newLine = hunk.newStart;
  const rows = hunk.lines.map((line): Row => {
    const row: Row = { ...line };
    if (line.sign !== '+' && oldLine !== undefined) row.oldLine = oldLine++;
    if (line.sign !== '-' && newLine !== undefined) row.newLine = newLine++;
    return row;
  });
  markWords(rows);
  return rows;
}

/** Where lines were put in just after others were taken out, they are compared in pairs, word by word. */
function markWords(rows: Row[]): void {
  let pairs = 0;
  for (let at = 0; at < rows.length && pairs < DIFF_WORD_PAIRS; ) {
    const removed = sameSign(rows, at, '-');
    const added = sameSign(rows, at + removed, '+');
    const both = Math.min(removed, added);
    if (both > 0) {
      pairs += both;
      for (let pair = 0; pair < both; pair++) compareWords(rows[at + pair], rows[at + removed + pair]);
    }
    at += Math.max(removed + added, 1);
  }
}

function sameSign(rows: Row[], from: number, sign: Row['sign']): number {
  let length = 0;
  while (rows[from + length]?.sign === sign) length += 1;
  return length;
}

function compareWords(before: Row | undefined, after: Row | undefined): void {
  if (!before || !after || before.text.length + after.text.length > DIFF_WORDS_CHARS) return;
  const parts = diffWordsWithSpace(before.text, after.text, { maxEditLength: 200, timeout: 20 });
  const kept = parts?.filter((part) => !part.added && !part.removed).map((part) => part.value.trim().length);
  const common = kept?.reduce((sum, length) => sum + length, 0) ?? 0;
  // Lines with little in common are two lines, not one that changed.
  if (!parts || common * 3 < Math.max(before.text.trim().length, after.text.trim().length)) return;
  before.words = parts
    .filter((part) => !part.added)
    .map((part) => ({ text: part.value, changed: part.removed }));
  after.words = parts
    .filter((part) => !part.removed)
    .map((part) => ({ text: part.value, changed: part.added }));
}

/** Folds long unchanged stretches between changes. */
export function sections(hunk: Hunk): Section[] {
  const rows = rowsOf(hunk);
  const found: Section[] = [];
  let from = 0;
  while (from < rows.length) {
    const same = sameSign(rows, from, ' ');
    const first = from === 0;
    const last = from + same === rows.length;
    const keepBefore = first ? 0 : DIFF_AROUND;
    const keepAfter = last ? 0 : DIFF_AROUND;
    const foldable = same - keepBefore - keepAfter;
    if (foldable > 1) {
      append(found, hunk.place, rows.slice(from, from + keepBefore));
      found.push({ folded: rows.slice(from + keepBefore, from + same - keepAfter) });
      append(found, '', rows.slice(from + same - keepAfter, from + same));
    } else if (same > 0) {
      append(found, hunk.place, rows.slice(from, from + same));
    }
    from += same;
    let end = from;
    while (end < rows.length && rows[end]?.sign !== ' ') end += 1;
    append(found, first ? hunk.place : '', rows.slice(from, end));
    from = end;
  }
  return found;
}

function append(found: Section[], place: string, rows: Row[]): void {
  if (rows.length === 0) return;
  const last = found.at(-1);
  if (last && 'rows' in last) for (const row of rows) last.rows.push(row);
  else found.push({ place, rows });
}

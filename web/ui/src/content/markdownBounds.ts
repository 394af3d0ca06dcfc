import { MARKDOWN_DEPTH } from './limits';

/** Marks of emphasis, links and code in one paragraph that are still read; each may pair with any other. */
const MARKS_PER_PARAGRAPH = 2000;

/** Lines that are still read: a text of many blocks takes the square of their number. */
const LINES = 2000;

/**
 * Whether reading a text as Markdown would take long or overflow the stack: nested quotes and lists, very many
 * marks in one paragraph, or very many lines. Looked for in one pass, before anything is read.
 */
export function isTangled(text: string): boolean {
  let marks = 0;
  const lines = text.split('\n');
  if (lines.length > LINES) return true;
  for (const line of lines) {
    const head = /^(?:[ \t]*(?:>|[-+*]|\d{1,9}[.)]))+/.exec(line)?.[0] ?? '';
    if (markers(head) > MARKDOWN_DEPTH || indent(line) > 4 * MARKDOWN_DEPTH) return true;
    marks = line.trim() === '' ? 0 : marks + count(line);
    if (marks > MARKS_PER_PARAGRAPH) return true;
  }
  return false;
}

const markers = (head: string): number => head.match(/>|[-+*]|\d+[.)]/g)?.length ?? 0;
const indent = (line: string): number => line.length - line.trimStart().length;
const count = (line: string): number => line.match(/[*_~`[\]<!&]/g)?.length ?? 0;

/** Around each word found; private use, so that no text can be taken for them. */
const BEGIN = '\u{E000}';
const END = '\u{E001}';

/** A piece of a text, and whether it is what was looked for. */
export interface Piece {
  text: string;
  found: boolean;
}

/** A highlight in pieces. Marks without their other half are left out. */
export function splitMarks(highlight: string): Piece[] {
  const pieces: Piece[] = [];
  const add = (text: string, found: boolean) => {
    const plain = text.replaceAll(BEGIN, '').replaceAll(END, '');
    if (plain !== '') pieces.push({ text: plain, found });
  };
  let from = 0;
  while (from < highlight.length) {
    const end = highlight.indexOf(END, from);
    const begin = end < 0 ? -1 : highlight.lastIndexOf(BEGIN, end);
    if (begin < from) {
      // No pair is left, or an end without a beginning stands before the next pair.
      const rest = end < 0 ? highlight.length : end + 1;
      add(highlight.slice(from, rest), false);
      from = rest;
      continue;
    }
    add(highlight.slice(from, begin), false);
    add(highlight.slice(begin + 1, end), true);
    from = end + 1;
  }
  return pieces;
}

import { FIND_WORDS, MARKS } from './limits';

/** A part of a text, and whether it is one of the words looked for. */
export interface Part {
  text: string;
  marked: boolean;
}

/** What finds the words of a search in a text, or nothing when there are none. */
export function finder(find: string | undefined): RegExp | undefined {
  const words = (find ?? '')
    .split(/[\s"]+/u)
    // As typed for the search, a star after a word stands for however it goes on.
    .map((word) => word.replace(/(?<=[\p{L}\p{N}_])\*$/u, ''))
    .filter((word) => word !== '')
    .slice(0, FIND_WORDS)
    // The longest first: of `run` and `running` the second is marked whole.
    .sort((a, b) => b.length - a.length);
  if (words.length === 0) return undefined;
  return new RegExp(words.map((word) => word.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')).join('|'), 'gi');
}

/** Cuts a text at the words found. */
export function parts(text: string, words: RegExp | undefined): Part[] {
  if (!words) return [{ text, marked: false }];
  const found: Part[] = [];
  let from = 0;
  words.lastIndex = 0;
  for (let match = words.exec(text); match && found.length < 2 * MARKS; match = words.exec(text)) {
    if (match[0] === '') break;
    if (match.index > from) found.push({ text: text.slice(from, match.index), marked: false });
    found.push({ text: match[0], marked: true });
    from = match.index + match[0].length;
  }
  if (from < text.length) found.push({ text: text.slice(from), marked: false });
  return found;
}

import { CHIPS, COMBINING_MARKS } from './limits';

/** A run of plain text, or of characters that would not be seen or would change how others are seen. */
export type Run = { text: string } | { chip: string; title: string };

/** Code points with a short name of their own; the rest is told by its class. */
const NAMES: Record<number, [short: string, name: string]> = {
  0: ['NUL', 'null'],
  7: ['BEL', 'bell'],
  8: ['BS', 'backspace'],
  11: ['VT', 'line tabulation'],
  12: ['FF', 'form feed'],
  13: ['CR', 'carriage return'],
  27: ['ESC', 'escape'],
  127: ['DEL', 'delete'],
  133: ['NEL', 'next line'],
  155: ['CSI', 'control sequence introducer'],
  173: ['SHY', 'soft hyphen'],
  847: ['CGJ', 'combining grapheme joiner'],
  1564: ['ALM', 'Arabic letter mark'],
  4447: ['HCF', 'Hangul choseong filler'],
  4448: ['HJF', 'Hangul jungseong filler'],
  6158: ['MVS', 'Mongolian vowel separator'],
  8203: ['ZWSP', 'zero width space'],
  8204: ['ZWNJ', 'zero width non-joiner'],
  8205: ['ZWJ', 'zero width joiner'],
  8206: ['LRM', 'left-to-right mark'],
  8207: ['RLM', 'right-to-left mark'],
  8232: ['LS', 'line separator'],
  8233: ['PS', 'paragraph separator'],
  8234: ['LRE', 'left-to-right embedding'],
  8235: ['RLE', 'right-to-left embedding'],
  8236: ['PDF', 'pop directional formatting'],
  8237: ['LRO', 'left-to-right override'],
  8238: ['RLO', 'right-to-left override'],
  8288: ['WJ', 'word joiner'],
  8289: ['f()', 'invisible function application'],
  8290: ['×', 'invisible times'],
  8291: [',', 'invisible separator'],
  8292: ['+', 'invisible plus'],
  8294: ['LRI', 'left-to-right isolate'],
  8295: ['RLI', 'right-to-left isolate'],
  8296: ['FSI', 'first strong isolate'],
  8297: ['PDI', 'pop directional isolate'],
  10240: ['blank', 'Braille pattern blank'],
  12644: ['HF', 'Hangul filler'],
  65279: ['BOM', 'zero width no-break space'],
  65440: ['HHF', 'halfwidth Hangul filler'],
};

/** Characters that are looked at one by one: controls, formats, private, unassigned, lone surrogates, and blanks. */
const SUSPECT =
  /\p{Cc}|\p{Cf}|\p{Co}|\p{Cn}|\p{Cs}|\p{Zl}|\p{Zp}|\u034f|[\u115f\u1160]|\u17b4|\u17b5|\u180b|\u180c|\u180d|\u180f|\u2800|\u3164|\uffa0|\p{Variation_Selector}|\p{M}{9,}/u;
const EACH = new RegExp(SUSPECT, 'gu');
/** Scripts whose letters are joined or kept apart by ZWJ and ZWNJ in plain spelling. */
const JOINING =
  /[\p{sc=Arab}\p{sc=Syrc}\p{sc=Mong}\p{sc=Deva}\p{sc=Beng}\p{sc=Guru}\p{sc=Gujr}\p{sc=Orya}\p{sc=Taml}\p{sc=Telu}\p{sc=Knda}\p{sc=Mlym}\p{sc=Sinh}\p{sc=Khmr}]/u;
const EMOJI = /[\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Regional_Indicator}0-9#*]|\ufe0f|\u20e3/u;
/** The only flags that are written with tag characters. */
const FLAG_TAGS = new Set(['gbeng', 'gbsct', 'gbwls']);

/** Whether a text has nothing that must be made visible. */
export function isPlain(text: string): boolean {
  EACH.lastIndex = 0;
  for (let match = EACH.exec(text); match; match = EACH.exec(text)) {
    if (!isQuiet(text, match.index, match[0])) return false;
  }
  return true;
}

/** Cuts a text into what is shown as it stands and what is shown as a chip. Runs of one character are one chip. */
export function runs(text: string): Run[] {
  const found: Run[] = [];
  let plain = '';
  let chips = 0;
  let from = 0;
  EACH.lastIndex = 0;
  for (let match = EACH.exec(text); match; match = EACH.exec(text)) {
    if (isQuiet(text, match.index, match[0])) continue;
    plain += text.slice(from, match.index);
    const end = runEnd(text, match.index, match[0]);
    const hidden = text.slice(match.index, end);
    from = end;
    EACH.lastIndex = end;
    if (chips >= CHIPS) {
      plain += escaped(hidden);
      continue;
    }
    chips += 1;
    if (plain !== '') found.push({ text: plain });
    plain = '';
    found.push(chipOf(hidden));
  }
  plain += text.slice(from);
  if (plain !== '') found.push({ text: plain });
  return found;
}

/** The text with every hidden character written as `\u{…}`: for titles, names and attributes. */
export function plainly(text: string): string {
  return runs(text)
    .map((run) => ('text' in run ? run.text : `[${run.chip}]`))
    .join('');
}

/** The beginning of a text, never through the middle of a character. */
export function cut(text: string, chars: number): string {
  if (text.length <= chars) return text;
  const code = text.charCodeAt(chars - 1);
  return text.slice(0, code >= 0xd800 && code < 0xdc00 ? chars - 1 : chars);
}

/** Suspects that are part of ordinary writing where they stand. */
function isQuiet(text: string, at: number, found: string): boolean {
  const code = found.codePointAt(0) ?? 0;
  if (code === 10 || code === 9) return true;
  if (code === 13) return text.charCodeAt(at + 1) === 10;
  if (code === 0xfe0f || code === 0xfe0e) return EMOJI.test(before(text, at));
  if (code >= 0xfe00 && code < 0xfe0e) return false;
  if (code === 0x200d && EMOJI.test(before(text, at)) && EMOJI.test(after(text, at + 1))) return true;
  if (code === 0x200c || code === 0x200d) {
    return JOINING.test(before(text, at)) && (code === 0x200d || JOINING.test(after(text, at + 1)));
  }
  // Arabic and Syriac signs that enclose numbers are format characters, and seen.
  if ((code >= 0x600 && code <= 0x605) || code === 0x6dd || code === 0x70f || code === 0x8e2) return true;
  if (isTag(code)) return isFlag(text, at);
  return false;
}

function before(text: string, at: number): string {
  const low = text.charCodeAt(at - 1);
  return text.slice(low >= 0xdc00 && low < 0xe000 ? at - 2 : at - 1, at);
}

function after(text: string, at: number): string {
  return String.fromCodePoint(text.codePointAt(at) ?? 0x20);
}

function isTag(code: number): boolean {
  return code >= 0xe0000 && code <= 0xe007f;
}

/** Whether the tag at `at` is part of one of the three flags. */
function isFlag(text: string, at: number): boolean {
  let start = at;
  while (start >= 2 && isTag(text.codePointAt(start - 2) ?? 0)) start -= 2;
  if (at - start > 10 || text.codePointAt(start - 2) !== 0x1f3f4) return false;
  const end = text.indexOf('\u{e007f}', start);
  return end >= start && end - start <= 10 && FLAG_TAGS.has(tagText(text.slice(start, end)));
}

/** What a run of tag characters spells: they are ASCII, moved to where it is not seen. */
function tagText(tags: string): string {
  return [...tags]
    .map((tag) => (tag.codePointAt(0) ?? 0) - 0xe0000)
    .map((code) => (code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : ''))
    .join('');
}

function runEnd(text: string, at: number, first: string): number {
  if (first.length > 2 || /^\p{M}{2}/u.test(first)) return at + first.length;
  const code = first.codePointAt(0) ?? 0;
  let end = at + first.length;
  for (let next = text.codePointAt(end); next !== undefined; next = text.codePointAt(end)) {
    if (isTag(code) ? !isTag(next) : next !== code) break;
    end += next > 0xffff ? 2 : 1;
  }
  return end;
}

function chipOf(hidden: string): Run {
  const code = hidden.codePointAt(0) ?? 0;
  if (/^\p{M}{9}/u.test(hidden)) {
    const marks = [...hidden].length;
    return {
      chip: `${marks} marks`,
      title: `${marks} combining marks on one character (${COMBINING_MARKS} are drawn)`,
    };
  }
  if (isTag(code)) {
    const spelt = tagText(hidden);
    const chars = [...hidden].length;
    return {
      chip: `tags “${spelt}”`,
      title: `${chars} invisible tag characters (U+E0000…), which spell: ${spelt}`,
    };
  }
  const times = [...hidden].length;
  const point = codePoint(code);
  const [short, name] = NAMES[code] ?? ['', className(code)];
  const label = short === '' ? point : `${point} ${short}`;
  return {
    chip: times > 1 ? `${label} ×${times}` : label,
    title: `${point} ${name}${times > 1 ? `, ${times} times` : ''}`,
  };
}

function className(code: number): string {
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return 'control character';
  if (code >= 0xd800 && code < 0xe000) return 'half of a broken character';
  if ((code >= 0xfe00 && code <= 0xfe0f) || (code >= 0xe0100 && code <= 0xe01ef)) return 'variation selector';
  const char = String.fromCodePoint(code);
  if (/\p{Co}/u.test(char)) return 'private use character';
  if (/\p{Cn}/u.test(char)) return 'unassigned character';
  return 'invisible character';
}

const codePoint = (code: number): string => `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;

function escaped(hidden: string): string {
  return [...hidden].map((char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`).join('');
}

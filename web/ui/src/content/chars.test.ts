import { describe, expect, it } from 'vitest';
import { cut, isPlain, plainly, runs } from './chars';
import { CHIPS } from './limits';

const chips = (text: string): string[] => runs(text).flatMap((run) => ('chip' in run ? [run.chip] : []));
const seen = (text: string): string =>
  runs(text)
    .map((run) => ('text' in run ? run.text : ''))
    .join('');

describe('hidden characters', () => {
  it.each([
    ['bidi override', 'a\u202eb', ['U+202E RLO']],
    ['bidi isolate', '\u2066x\u2069', ['U+2066 LRI', 'U+2069 PDI']],
    ['zero width, counted', 'a\u200b\u200b\u200bb', ['U+200B ZWSP ×3']],
    ['joiner between Latin letters', 'a\u200db', ['U+200D ZWJ']],
    ['byte order mark', '\ufeffa', ['U+FEFF BOM']],
    ['soft hyphen', 'a\u00adb', ['U+00AD SHY']],
    ['escape', '\u001b[31m', ['U+001B ESC']],
    ['null', 'a\0b', ['U+0000 NUL']],
    ['lone carriage return', 'a\rb', ['U+000D CR']],
    ['invisible operator', 'a\u2062b', ['U+2062 ×']],
    ['private use', '\ue000', ['U+E000']],
    ['lone surrogate', 'a\ud800b', ['U+D800']],
    ['Hangul filler', '\u3164', ['U+3164 HF']],
    ['variation selector on a letter', 'a\ufe01', ['U+FE01']],
    ['supplementary variation selector', 'a\u{e0101}', ['U+E0101']],
    ['line separator', 'a\u2028b', ['U+2028 LS']],
    ['tags, spelt out', 'hi\u{e0068}\u{e0069}\u{e007f}', ['tags “hi”']],
    ['a flag that is none', '\u{1f3f4}\u{e0068}\u{e0069}\u{e007f}', ['tags “hi”']],
  ])('%s', (_, text, expected) => {
    expect(chips(text)).toEqual(expected);
    expect(isPlain(text)).toBe(false);
  });

  it.each([
    'tabs\tand\nlines\r\n',
    'family 👨‍👩‍👧, heart ❤️, keycap 1️⃣, flag 🇩🇪, 👍🏽',
    '\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}',
    'می‌خواهم',
    'क्‍ष',
    'שלום, مرحبا',
    'café e\u0301',
  ])('leaves ordinary writing alone: %s', (text) => {
    expect(isPlain(text)).toBe(true);
    expect(runs(text)).toEqual([{ text }]);
  });

  it('bounds stacked marks', () => {
    expect(chips(`a${'\u0301'.repeat(50)}`)).toEqual(['50 marks']);
  });

  it('writes hidden characters as codes past the limit, so that none is lost', () => {
    const text = '\u200b\u200c'.repeat(CHIPS);
    expect(chips(text)).toHaveLength(CHIPS);
    expect(seen(text)).toBe('\\u{200b}\\u{200c}'.repeat(CHIPS / 2));
  });

  it('gives plain text for titles', () => {
    expect(plainly('a\u202eb')).toBe('a[U+202E RLO]b');
  });

  it('does not cut through a character', () => {
    expect(cut('ab😀', 3)).toBe('ab');
    expect(cut('ab😀', 4)).toBe('ab😀');
  });
});

import { describe, expect, it } from 'vitest';
import { isTerminalText, readTerminal } from './ansi';
import { TERMINAL_SPANS } from './limits';
import { seeded, textOf } from './testing/random';

const shown = (text: string): string =>
  readTerminal(text)
    .spans.map((span) => span.text)
    .join('');
const look = (text: string) => readTerminal(text).spans.at(-1)?.look;

describe('terminal output', () => {
  it.each([
    ['\x1b[31mred', { fg: 'red' }],
    ['\x1b[91mred', { fg: 'red' }],
    ['\x1b[1;32mx', { fg: 'green', bold: true }],
    ['\x1b[44mx', { bg: 'blue' }],
    ['\x1b[38;5;196mx', { fg: 'red' }],
    ['\x1b[38;2;10;10;250mx', { fg: 'blue' }],
    ['\x1b[38:5:2mx', { fg: 'green' }],
    ['\x1b[38;5;250mx', { fg: 'white' }],
    ['\x1b[31m\x1b[0mx', {}],
    ['\x1b[31m\x1b[mx', {}],
    ['\x1b[8mhidden', {}],
    ['\x9b31mx', { fg: 'red' }],
  ])('%j', (text, expected) => {
    expect(look(text)).toEqual(expected);
  });

  it('removes what is no colour and says what it was', () => {
    const screen = readTerminal(
      'a\x1b]8;;https://evil.example\x07link\x1b]8;;\x1b\\ \x1b]0;title\x07\x1b[2Jb\x1b[10;10Hc\x1b]52;c;eA==\x07\x1bPq\x1b\\',
    );
    expect(screen.spans.map((span) => span.text).join('')).toBe('alink bc');
    expect(Object.fromEntries(screen.removed)).toEqual({
      link: 2,
      'window title': 1,
      erasing: 1,
      'cursor movement': 1,
      'clipboard access': 1,
      'other control': 1,
    });
  });

  it('shows the text of an unfinished sequence instead of hiding it', () => {
    expect(shown('\x1b]0;all of this\nand this')).toBe(']0;all of this\nand this');
    expect(shown('a\x1b[')).toContain('a');
  });

  it('keeps the last state of a progress line', () => {
    const screen = readTerminal('start\n10%\r50%\r100%\nend\r\nlast\r');
    expect(screen.spans.map((span) => span.text).join('')).toBe('start\n100%\nend\nlast');
    expect(screen.overwritten).toBe(2);
  });

  it('bounds the styled parts and loses no text', () => {
    const text = Array.from({ length: TERMINAL_SPANS + 50 }, (_, at) => `\x1b[3${at % 8}m${at} `).join('');
    const screen = readTerminal(text);
    expect(screen.spans.length).toBeLessThanOrEqual(TERMINAL_SPANS + 1);
    expect(screen.spans.map((span) => span.text).join('')).toContain(`${TERMINAL_SPANS + 49} `);
  });

  it('knows which texts are for terminals', () => {
    expect(isTerminalText('plain\r\ntext')).toBe(false);
    expect(isTerminalText('a\rb')).toBe(true);
  });

  it('never throws, and never keeps an escape', () => {
    const random = seeded(7);
    const pieces = [
      '\x1b',
      '[',
      ']',
      '\x9b',
      '\x9d',
      '\x90',
      '8;;',
      ';',
      ':',
      '38',
      '48',
      '5',
      '2',
      '999999',
      'm',
      'K',
      'H',
      '\x07',
      '\\',
      'P',
      '\n',
      '\r',
      'text ',
      '\ud800',
      '?25l',
    ];
    for (let run = 0; run < 3000; run++) {
      const { spans } = readTerminal(textOf(random, pieces, 1 + Math.floor(random() * 40)));
      expect(spans.some((span) => span.text.includes('\x1b'))).toBe(false);
    }
  });
});

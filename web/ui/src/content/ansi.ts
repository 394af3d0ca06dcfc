import { TERMINAL_SPANS } from './limits';

export type Colour = 'black' | 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan' | 'white';

/** How a part of a terminal's output looks. */
export interface Look {
  fg?: Colour | undefined;
  bg?: Colour | undefined;
  bold?: boolean;
  dim?: boolean;
  italic?: boolean;
  underline?: boolean;
  strike?: boolean;
  reverse?: boolean;
}

export interface Span {
  text: string;
  look: Look;
}

/** Output of a command as a terminal would have left it, and what was taken out for that. */
export interface Screen {
  spans: Span[];
  /** What was removed, in words, with how often. */
  removed: Map<string, number>;
  /** Lines that were overwritten by later ones. */
  overwritten: number;
}

// The sequences of ECMA-48. An unfinished string (a title, a link) does not match as one, so that its text is seen.
const ESCAPE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: this is what is looked for.
  /(?:\x1b\[|\x9b)([0-?]*)([ -/]*)([@-~])|(?:\x1b\]|\x9d)([^\x07\x1b\x9c\n]{0,4096})(?:\x07|\x1b\\|\x9c)|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c\n]{0,65536}(?:\x1b\\|\x9c)|\x1b[ -/]*[0-Z\\`-~]?/g;
/** Codes of one sequence that are read. */
const STYLE_CODES = 64;
const COLOURS: Colour[] = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];

/** One object for all that has no look, so that it is told by identity. */
const PLAIN: Look = {};

/** Whether a text has anything that only a terminal understands. */
export function isTerminalText(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: this is what is looked for.
  return /[\x1b\x9b\x9d\x90]|\r(?!\n)/.test(text);
}

/** Reads the output of a command. Never throws; takes time in proportion to the text. */
export function readTerminal(text: string): Screen {
  const screen: Screen = { spans: [], removed: new Map(), overwritten: 0 };
  let look: Look = PLAIN;
  let line: Span[] = [];
  /** The line was taken back to its start; its state stays until something is written over it. */
  let returned = false;
  const endLine = () => {
    for (const span of line) push(screen.spans, span.text, span.look);
    line = [];
    returned = false;
  };
  const put = (piece: string) => {
    for (const part of piece.split(/(\r\n|\n|\r)/)) {
      if (part === '\r') {
        returned = line.length > 0;
      } else if (part.endsWith('\n')) {
        push(line, '\n', look);
        endLine();
      } else if (part !== '') {
        if (returned) {
          line = [];
          screen.overwritten += 1;
          returned = false;
        }
        push(line, part, look);
      }
    }
  };
  let from = 0;
  for (const match of text.matchAll(ESCAPE)) {
    put(text.slice(from, match.index));
    from = match.index + match[0].length;
    const [, params, between, final, osc] = match;
    if (final === 'm' && between === '' && /^[\d;:]*$/.test(params ?? '')) look = styled(look, params ?? '');
    else note(screen, final === undefined ? stringName(osc) : controlName(final));
  }
  put(text.slice(from));
  endLine();
  return screen;
}

/** Adds to the last span if it looks the same; past the limit looks are no longer told apart. */
function push(spans: Span[], text: string, look: Look): void {
  const last = spans.at(-1);
  if (last && (last.look === look || spans.length >= TERMINAL_SPANS)) last.text += text;
  else spans.push({ text, look });
}

function note(screen: Screen, what: string): void {
  screen.removed.set(what, (screen.removed.get(what) ?? 0) + 1);
}

function stringName(osc: string | undefined): string {
  if (osc === undefined) return 'other control';
  if (osc.startsWith('8;')) return 'link';
  if (/^[012];/.test(osc)) return 'window title';
  return osc.startsWith('52;') ? 'clipboard access' : 'other control';
}

function controlName(final: string): string {
  if (/[ABCDEFGHfdSTsu]/.test(final)) return 'cursor movement';
  return /[JK]/.test(final) ? 'erasing' : 'other control';
}

/** The look after a sequence of style codes. */
function styled(before: Look, params: string): Look {
  const look = { ...before };
  // `38:5:1` and `38;5;1` say the same; an empty field is 0.
  const codes = params.split(/[;:]/).slice(0, STYLE_CODES).map(Number);
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at] ?? 0;
    if (code === 38 || code === 48) {
      const [colour, used] = extended(codes.slice(at + 1, at + 6));
      look[code === 38 ? 'fg' : 'bg'] = colour;
      at += used;
    } else {
      apply(look, code);
    }
  }
  return Object.values(look).some(Boolean) ? look : PLAIN;
}

function apply(look: Look, code: number): void {
  const ten = Math.floor(code / 10);
  if (code === 0) for (const key of Object.keys(look)) delete look[key as keyof Look];
  else if (code === 1) look.bold = true;
  else if (code === 2) look.dim = true;
  else if (code === 3) look.italic = true;
  else if (code === 4) look.underline = true;
  else if (code === 7) look.reverse = true;
  else if (code === 9) look.strike = true;
  else if (code === 21 || code === 22) look.bold = look.dim = false;
  else if (code === 23) look.italic = false;
  else if (code === 24) look.underline = false;
  else if (code === 27) look.reverse = false;
  else if (code === 29) look.strike = false;
  else if (code === 39) look.fg = undefined;
  else if (code === 49) look.bg = undefined;
  else if (ten === 3 || ten === 9) look.fg = COLOURS[code % 10];
  else if (ten === 4 || ten === 10) look.bg = COLOURS[code % 10];
}

/** A colour of the palette of 256 or of red, green and blue; and how many codes it took. */
function extended(codes: number[]): [Colour | undefined, number] {
  const [mode, a = 0, b = 0, c = 0] = codes;
  if (mode === 5) return [ofPalette(a), 2];
  return mode === 2 ? [nearest(a, b, c), 4] : [undefined, 1];
}

function ofPalette(index: number): Colour | undefined {
  if (index < 16) return COLOURS[index % 8];
  if (index > 231) return index > 243 ? 'white' : 'black';
  const cube = index - 16;
  return nearest(Math.floor(cube / 36) * 51, (Math.floor(cube / 6) % 6) * 51, (cube % 6) * 51);
}

/** The named colour nearest in hue: only the named ones are readable on both of the page's backgrounds. */
function nearest(r: number, g: number, b: number): Colour {
  const most = Math.max(r, g, b);
  const least = Math.min(r, g, b);
  if (most - least < 40) return most > 127 ? 'white' : 'black';
  const middle = (most + least) / 2;
  const bits = (r > middle ? 1 : 0) + (g > middle ? 2 : 0) + (b > middle ? 4 : 0);
  return COLOURS[bits] ?? 'white';
}

import { plainly } from './chars';

/** Where a link leads: somewhere that may be opened, or nowhere. */
export type Destination = { href: string; host: string } | { inert: string };

/** Schemes that a link of content may have; everything else is text. */
const SCHEMES = new Set(['http:', 'https:', 'mailto:']);
const INERT_CHARS = 300;

/** Reads a link's target. Relative targets are inert: they would lead into the desk itself. */
export function destination(target: string): Destination {
  let url: URL;
  try {
    url = new URL(target.trim());
  } catch {
    return { inert: shorten(target) };
  }
  if (!SCHEMES.has(url.protocol)) return { inert: shorten(target) };
  if (url.protocol === 'mailto:') return { href: url.href, host: plainly(safeDecode(url.pathname)) };
  if (url.hostname === '') return { inert: shorten(target) };
  return { href: url.href, host: url.host };
}

/** Whether a link's words already tell its true host, so that it need not be added. */
export function tellsHost(words: string, to: { href: string; host: string }): boolean {
  const told = words.trim();
  if (told === to.href || told === to.host) return true;
  // The words as a reader would take them for an address: only then do they tell a host at all. Letters that look
  // like others stand in the ASCII form of a host, never in the words.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range is ASCII, whole.
  if (!/^[\x00-\x7f]+$/.test(told) || /\s/.test(told)) return false;
  try {
    const url = new URL(/^[a-z][a-z0-9+.-]*:/i.test(told) ? told : `https://${told}`);
    return url.host === to.host && url.username === '' && told.includes('.');
  } catch {
    return false;
  }
}

function shorten(target: string): string {
  const text = plainly(target.slice(0, INERT_CHARS));
  return target.length > INERT_CHARS ? `${text}…` : text;
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

import type { OutlineItem } from '~/api/types';
import { walk } from '~/content/json';
import type { ClippedEvent } from '../cards/types';

/** As the server is asked: words of which the last is only begun while it is typed. In quotes all is meant as it stands. */
export function asBegun(words: string): string {
  const quoted = (words.match(/"/g)?.length ?? 0) % 2 === 1;
  return !quoted && /[\p{L}\p{N}_]$/u.test(words) ? `${words}*` : words;
}

/** What is looked for in a text of the page: words, and phrases in quotes, in small letters. */
export function termsOf(words: string): string[] {
  return words
    .split('"')
    .flatMap((piece, at) => (at % 2 === 1 ? [piece.trim()] : piece.split(/\s+/)))
    .map((term) => term.replace(/\*$/, '').toLowerCase())
    .filter((term) => term !== '');
}

/**
 * Events of the page that hold all terms, be it in the middle of a word: by their titles, which the page has of all, and
 * by their bodies as far as those are loaded. The server's index knows beginnings of words only.
 */
export function foundInPage(
  items: Iterable<OutlineItem>,
  body: (id: string) => ClippedEvent | undefined,
  words: string,
): string[] {
  const terms = termsOf(words);
  if (terms.length === 0) return [];
  const found: string[] = [];
  for (const item of items) {
    const event = body(item.id);
    const text = `${item.title}\n${event ? textOf(event) : ''}`.toLowerCase();
    if (terms.every((term) => text.includes(term))) found.push(item.id);
  }
  return found;
}

/** What of an event the server's search looks at, too. */
function textOf(event: ClippedEvent): string {
  switch (event.kind) {
    case 'prompt':
    case 'completion':
    case 'reasoning':
      return event.text;
    case 'tool_call':
      return stringsOf([event.tool.name, event.arguments, event.executed_arguments, event.result]);
    case 'model_call':
      return stringsOf([event.response_model ?? event.request_model, event.error?.message]);
    case 'permission':
      return stringsOf([event.tool.name, event.arguments, event.reason]);
    case 'error':
    case 'notice':
      return event.message;
    case 'session_start':
    case 'session_end':
    case 'subagent_start':
    case 'subagent_stop':
    case 'compaction':
      return '';
  }
}

function stringsOf(value: unknown): string {
  const strings: string[] = [];
  walk(value, (part) => {
    if (typeof part === 'string') strings.push(part);
    return true;
  });
  return strings.join('\n');
}

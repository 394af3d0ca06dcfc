import { describe, expect, test } from 'vitest';
import type { ClippedEvent } from '../cards/types';
import { prompt, tool } from '../testing/items';
import { asBegun, foundInPage, termsOf } from './inPage';

describe('what the server is asked', () => {
  test.each([
    ['disc', 'disc*'],
    ['cart disc', 'cart disc*'],
    ['src/', 'src/'],
    ['"as it stands"', '"as it stands"'],
    ['"not closed', '"not closed'],
    ['grö', 'grö*'],
    ['typed*', 'typed*'],
  ])('%s: %s', (words, asked) => {
    expect(asBegun(words)).toBe(asked);
  });
});

test('terms are words and phrases', () => {
  expect(termsOf(' Cart  "two words" dis* "')).toEqual(['cart', 'two words', 'dis']);
});

describe('finding in what the page has', () => {
  const items = [prompt(1, { title: 'Mend the checkout' }), tool(2, { title: 'npm test' })];
  const [first, second] = items.map(({ id }) => id);
  const body = (id: string): ClippedEvent | undefined =>
    id === second
      ? ({
          kind: 'tool_call',
          tool: { name: 'Bash', type: 'builtin' },
          arguments: { command: 'npm test' },
          result: [{ type: 'text', text: 'Unexpected "Discount"' }],
        } as unknown as ClippedEvent)
      : undefined;

  test.each([
    ['heck', [first]],
    ['expected', [second]],
    ['iscount bash', [second]],
    ['npm checkout', []],
    ['"test npm"', []],
    ['  ', []],
    ['e', [first, second]],
  ])('%s', (words, found) => {
    expect(foundInPage(items, body, words)).toEqual(found);
  });
});

import { expect, test } from 'vitest';
import type { OutlineItem } from '~/api/types';
import { call, prompt } from './testing/items';
import { followed, type Held } from './useHeld';

const follow = (held: Held, items: OutlineItem[]) =>
  followed(held, items, new Map(items.map((item) => [item.id, item])));

test('a model call that gets another id at its place is followed', () => {
  const [asked, answered] = [call(2, { id: 'by-request' }), call(2, { id: 'by-provider' })];
  const seen = follow({ key: 'by-request', renamed: 0 }, [prompt(1), asked]);
  expect(follow(seen, [prompt(1), asked])).toBe(seen);
  expect(follow(seen, [prompt(1), answered])).toMatchObject({ key: 'by-provider', renamed: 1 });
});

test('one that moved is followed to its new place, and from there', () => {
  const seen = follow({ key: 'a', renamed: 0 }, [call(2, { id: 'a' })]);
  const moved = follow(seen, [prompt(2), call(3, { id: 'a' })]);
  expect(follow(moved, [prompt(2), call(3, { id: 'b' })]).key).toBe('b');
});

test('what is of another kind, gone, or no event at all is not taken for it', () => {
  const seen = follow({ key: 'a', renamed: 0 }, [call(2, { id: 'a' })]);
  expect(follow(seen, [prompt(2)])).toBe(seen);
  expect(follow(seen, [])).toBe(seen);
  const turn = { key: 'turn:1', renamed: 0 };
  expect(follow(turn, [prompt(1)])).toBe(turn);
});

import { expect, test } from 'vitest';
import { item } from '../testing/items';
import { complete, merge, newerThan, type Outline } from './outline';

const outline = { rev: 3, cut: false, last_seq: 3, items: [item(1), item(2), item(3)] };
const ids = (items: { id: string }[]) => items.map(({ id }) => id);

test('a newer revision takes the place of the older, the others stay the same objects', () => {
  const { outline: next, moved } = merge(outline, [item(2, { rev: 9, title: 'grown' })]);
  expect(next.items[1]?.title).toBe('grown');
  expect(next.items[0]).toBe(outline.items[0]);
  expect(next.rev).toBe(9);
  expect(moved).toBe(false);
});

test('an older revision changes nothing, not even the outline itself', () => {
  expect(merge(outline, [item(2, { rev: 1, title: 'old' })])).toEqual({ outline, moved: false });
  expect(merge(outline, [item(2, { rev: 1 })]).outline).toBe(outline);
});

test('new items come at the end in their order, whatever order they arrive in', () => {
  const { outline: next, moved } = merge(outline, [item(5), item(4)]);
  expect(ids(next.items)).toEqual(['evt_1', 'evt_2', 'evt_3', 'evt_4', 'evt_5']);
  expect(moved).toBe(false);
});

test('of two changes of one item the later counts', () => {
  const { outline: next } = merge(outline, [
    item(4, { rev: 12, title: 'b' }),
    item(4, { rev: 11, title: 'a' }),
  ]);
  expect(next.items.at(-1)?.title).toBe('b');
  expect(next.items).toHaveLength(4);
});

test('an item between others, or one that moved to a free place, is put where it belongs', () => {
  const gap = { ...outline, items: [item(1), item(3)] };
  expect(ids(merge(gap, [item(2, { rev: 9 })]).outline.items)).toEqual(['evt_1', 'evt_2', 'evt_3']);
  const { outline: next, moved } = merge(outline, [item(1, { rev: 9, seq: 4 })]);
  expect(ids(next.items)).toEqual(['evt_2', 'evt_3', 'evt_1']);
  expect(moved).toBe(false);
});

test('a newer item of the same kind at a taken place is the same fact under another id', () => {
  const { outline: next, moved } = merge(outline, [item(2, { id: 'evt_answered', rev: 9 })]);
  expect(ids(next.items)).toEqual(['evt_1', 'evt_answered', 'evt_3']);
  expect(moved).toBe(true);
});

test('one of another kind stands beside it until the order is asked again', () => {
  const { outline: next, moved } = merge(outline, [item(2, { id: 'evt_late', rev: 9, kind: 'reasoning' })]);
  expect(next.items).toHaveLength(4);
  expect(moved).toBe(true);
});

test('what a fresh answer knows already is not put on top of it again', () => {
  expect(ids(newerThan([item(2), item(5), item(6)], 5))).toEqual(['evt_6']);
});

test('the whole takes the place of its first part, and what came meanwhile stays', () => {
  const part: Outline = {
    ...outline,
    partial: true,
    last_seq: 5,
    items: [item(1), item(2), item(6, { rev: 9 })],
  };
  const whole = { ...outline, rev: 5, last_seq: 5, items: [1, 2, 3, 4, 5].map((seq) => item(seq)) };
  const { items, partial, last_seq } = complete(whole, part);
  expect(ids(items)).toEqual(['evt_1', 'evt_2', 'evt_3', 'evt_4', 'evt_5', 'evt_6']);
  expect([partial, last_seq]).toEqual([undefined, 6]);
});

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { OutlineItem } from '~/api/types';
import type { ClippedEvent } from '../cards/types';
import { WINDOWS_IN_FLIGHT } from '../model/windows';
import { item } from '../testing/items';
import { BODIES_MAX, Bodies, RETRY_AFTER_MS } from './bodies';

const body = (seq: number, rev = seq): ClippedEvent => ({
  id: `evt_${seq}`,
  rev,
  session_id: 'ses_1',
  seq,
  at: '2026-11-22T08:00:00Z',
  turn: 1,
  witnesses: [],
  kind: 'reasoning',
  text: `body ${seq}`,
});

const range = (from: number, to: number): OutlineItem[] =>
  Array.from({ length: to - from + 1 }, (_, at) => item(from + at));

interface Asked {
  fromSeq: number;
  limit: number;
  signal: AbortSignal;
  answer: (events: ClippedEvent[]) => void;
  fail: () => void;
}

/** A server that answers when the test says so. */
function server() {
  const asked: Asked[] = [];
  const one = vi.fn((id: string) => Promise.resolve(body(Number(id.slice(4)), 99)));
  const window = (fromSeq: number, limit: number, signal: AbortSignal) =>
    new Promise<ClippedEvent[]>((resolve, reject) => {
      asked.push({ fromSeq, limit, signal, answer: resolve, fail: () => reject(new Error('busy')) });
    });
  return { asked, one, bodies: new Bodies({ window, one }) };
}

/** Lets what was answered arrive. */
const settle = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('what is in view is asked for once, and told to those who wait for it', async () => {
  const { asked, bodies } = server();
  const heard = vi.fn();
  bodies.subscribe('evt_2', heard);
  bodies.want(range(1, 10));
  bodies.want(range(1, 11));
  expect(asked).toHaveLength(1);
  asked[0]?.answer(range(1, 10).map(({ seq }) => body(seq)));
  await settle();
  expect(bodies.get('evt_2')).toMatchObject({ text: 'body 2' });
  expect(heard).toHaveBeenCalledTimes(1);
  // The eleventh was not in the first request.
  expect(asked.map(({ fromSeq, limit }) => [fromSeq, limit])).toEqual([
    [1, 10],
    [11, 1],
  ]);
});

test('what is scrolled past is called off', () => {
  const { asked, bodies } = server();
  bodies.want(range(1, 10));
  bodies.want(range(1001, 1010));
  expect(asked[0]?.signal.aborted).toBe(true);
  expect(asked[1]?.signal.aborted).toBe(false);
});

test('not more than a few windows are on their way at a time', async () => {
  const { asked, bodies } = server();
  bodies.want(range(1, 400));
  expect(asked).toHaveLength(WINDOWS_IN_FLIGHT);
  asked[0]?.answer(range(1, 50).map(({ seq }) => body(seq)));
  await settle();
  expect(asked).toHaveLength(WINDOWS_IN_FLIGHT + 1);
});

test('a newer revision is asked for; the older body stays until it is there', async () => {
  const { asked, bodies } = server();
  bodies.want(range(1, 3));
  asked[0]?.answer([body(1), body(2), body(3)]);
  await settle();
  bodies.want([item(1), item(2, { rev: 20 }), item(3)]);
  expect(asked.at(-1)).toMatchObject({ fromSeq: 2, limit: 1 });
  expect(bodies.get('evt_2')?.rev).toBe(2);
  asked[1]?.answer([body(2, 20)]);
  await settle();
  expect(bodies.get('evt_2')?.rev).toBe(20);
});

test('an event that moved out of its window is asked for by its id, once', async () => {
  const { asked, one, bodies } = server();
  bodies.want(range(1, 2));
  asked[0]?.answer([body(1)]);
  await settle();
  expect(one).toHaveBeenCalledTimes(1);
  expect(bodies.get('evt_2')?.rev).toBe(99);
  bodies.want(range(1, 2));
  await settle();
  expect(asked).toHaveLength(1);
  expect(one).toHaveBeenCalledTimes(1);
});

test('after a failure what is still in view is asked for again, but not at once', async () => {
  const { asked, bodies } = server();
  bodies.want(range(1, 2));
  asked[0]?.fail();
  await settle();
  bodies.want(range(1, 3));
  expect(asked).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(RETRY_AFTER_MS);
  expect(asked).toHaveLength(2);
});

test('the store holds no more than its limit', async () => {
  const { asked, bodies } = server();
  for (let from = 1; from <= BODIES_MAX + 200; from += 50) {
    bodies.want(range(from, from + 49));
    asked.at(-1)?.answer(range(from, from + 49).map(({ seq }) => body(seq)));
    await settle();
  }
  expect(bodies.size).toBe(BODIES_MAX);
  expect(bodies.get('evt_1')).toBeUndefined();
});

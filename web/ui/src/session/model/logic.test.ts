import { describe, expect, test } from 'vitest';
import { sessionSearch } from '../search';
import { call, item, prompt, tool } from '../testing/items';
import { callOf } from './calls';
import { estimate, LANE_ROW, TEXT_LINES_SHOWN, TURN_ROW, textLines } from './estimate';
import { countKinds, filterOf, hideWord, isFiltering } from './filters';
import { beginAt, inOrder, NO_HITS, step } from './find';
import { KINDS, kindOf, spoken } from './kinds';
import { lanesOf } from './lanes';
import { Lru } from './lru';
import { bucketsOf, minimapOf, rowAt, rowPx } from './minimap';
import { rowsOf } from './rows';
import { isFailed, isTurn, nextRow } from './steps';
import { plan, WINDOW_EVENTS } from './windows';

describe('kinds', () => {
  test('tool calls are told apart by what they reach', () => {
    expect(kindOf(tool(1))).toBe('builtin');
    expect(kindOf(tool(1, { tool: { name: 'x', type: 'mcp', mcp_server: 's' } }))).toBe('mcp');
    expect(kindOf(tool(1, { tool: { name: 'Bash', type: 'builtin', program: 'ls' } }))).toBe('cli');
    expect(kindOf(item(1, { kind: 'compaction' }))).toBe('other');
  });

  test('what hooks tell has kinds of its own', () => {
    const kinds = (['permission', 'session_start', 'subagent_stop', 'notice', 'error'] as const).map((kind) =>
      kindOf(item(1, { kind })),
    );
    expect(kinds).toEqual(['permission', 'span', 'span', 'other', 'other']);
    expect(spoken(item(1, { kind: 'permission', decision: 'denied', title: 'rm x' }))).toBe(
      'Permission denied: rm x',
    );
    expect(spoken(item(1, { kind: 'error', title: '', code: 'rate_limit' }))).toBe(
      'Error, failed: rate_limit',
    );
  });

  test('a subagent that only hooks tell of is named by its type', () => {
    const lanes = lanesOf([item(1, { kind: 'subagent_start', subagent_id: 'a', title: 'Explore' })]);
    expect(lanes.get('a')?.name).toBe('Subagent Explore');
  });

  test('a row is said with its kind, and that it failed', () => {
    expect(spoken(tool(1, { title: '/etc/hosts', status: 'failed' }))).toBe(
      'Tool call, failed: Read /etc/hosts',
    );
  });
});

describe('filters in the address', () => {
  test('one view has one address', () => {
    expect(hideWord(filterOf({ hide: 'model,prompt,nonsense' }).hidden)).toBe('prompt,model');
    expect(hideWord(new Set())).toBeUndefined();
    expect(isFiltering(filterOf({}))).toBe(false);
  });

  test('what anyone may write there is read or left out', () => {
    expect(sessionSearch({ event: 5, hide: ['x'], errors: 'yes', lane: 12, find: '' })).toEqual({
      event: '5',
      lane: '12',
    });
    expect(sessionSearch({ find: 'x'.repeat(1000), errors: true }).find).toHaveLength(512);
  });

  test('counts are of each filter by itself', () => {
    const counts = countKinds([
      prompt(1),
      tool(2, { status: 'denied' }),
      call(3, { error_kind: 'overloaded' }),
    ]);
    expect(counts.errors).toBe(2);
    expect(counts.kinds).toMatchObject({ prompt: 1, builtin: 1, model: 1, mcp: 0 });
  });
});

describe('windows of bodies', () => {
  const items = Array.from({ length: 130 }, (_, at) => item(at + 1));

  test('are aligned, and only where something is missing', () => {
    const windows = plan(items.slice(40, 110), (one) => one.seq > 100);
    expect(windows.map(({ index, fromSeq, limit }) => [index, fromSeq, limit])).toEqual([
      [0, 41, 10],
      [1, 51, WINDOW_EVENTS],
    ]);
  });

  test('a single change costs a single event', () => {
    expect(plan(items, (one) => one.seq !== 77)).toEqual([
      { index: 1, fromSeq: 77, limit: 1, ids: ['evt_77'] },
    ]);
  });

  test('nothing is asked for when all is there', () => {
    expect(plan(items, () => true)).toEqual([]);
  });
});

test('the least recently used is forgotten beyond the limit', () => {
  const lru = new Lru<string, number>(2);
  lru.set('a', 1);
  lru.set('b', 2);
  lru.touch('a');
  lru.set('c', 3);
  expect([lru.peek('a'), lru.peek('b'), lru.peek('c'), lru.size]).toEqual([1, undefined, 3, 2]);
});

describe('finding', () => {
  const order = new Map([
    ['a', 0],
    ['b', 1],
    ['c', 2],
  ]);

  test('hits stand in the order of the session, each once, unknown ones left out', () => {
    expect(inOrder(['c', 'x', 'a', 'c'], order)).toEqual(['a', 'c']);
  });

  test('it begins where the reader is, else at the first', () => {
    expect(beginAt(['a', 'c'], order, 1)).toBe(1);
    expect(beginAt(['a', 'b'], order, 2)).toBe(0);
    expect(beginAt([], order, 0)).toBe(-1);
  });

  test('after the last comes the first, before the first the last', () => {
    const hits = { ids: ['a', 'b', 'c'], at: 2, more: false };
    expect(step(hits, 1).at).toBe(0);
    expect(step({ ...hits, at: 0 }, -1).at).toBe(2);
    expect(step(NO_HITS, 1)).toBe(NO_HITS);
  });
});

describe('the model call of an event', () => {
  const items = [
    call(1),
    call(2, { subagent_id: 'a' }),
    call(3, { purpose: 'title' }),
    call(4),
    tool(5, { parent_event_id: 'evt_4' }),
    call(6),
  ];
  const byId = new Map(items.map((one) => [one.id, one]));

  test('with the calls before and after it in its lane', () => {
    const found = callOf(items, byId, 'evt_5');
    expect([found?.call.seq, found?.previous?.seq, found?.next?.seq]).toEqual([4, 1, 6]);
  });

  test('a call for something else is compared with the turn call before it', () => {
    expect(callOf(items, byId, 'evt_3')?.previous?.seq).toBe(1);
  });

  test('the first has none before it, and a prompt has none at all', () => {
    expect(callOf(items, byId, 'evt_2')?.previous).toBeUndefined();
    expect(callOf([prompt(1)], new Map([['evt_1', prompt(1)]]), 'evt_1')).toBeUndefined();
  });
});

describe('heights', () => {
  test('follow the text as it wraps, up to what a card shows', () => {
    expect(textLines(item(1, { chars: 10, lines: 1 }), 900)).toBe(1);
    expect(textLines(item(1, { chars: 400, lines: 1 }), 900)).toBe(5);
    expect(textLines(item(1, { chars: 200, lines: 1 }), 390)).toBeGreaterThan(5);
    expect(textLines(item(1, { chars: 1_000_000, lines: 1 }), 900)).toBe(TEXT_LINES_SHOWN);
  });

  test('heads have their own', () => {
    const items = [prompt(1), item(2, { subagent_id: 'a' })];
    const rows = rowsOf(items, lanesOf(items), filterOf({}), new Set());
    expect(rows.map((row) => estimate(row, 900)).slice(0, 1)).toEqual([TURN_ROW]);
    expect(rows.filter((row) => row.type === 'lane').map((row) => estimate(row, 900))).toEqual([LANE_ROW]);
  });
});

describe('the map', () => {
  const items = Array.from({ length: 1000 }, (_, at) => (at % 2 ? tool(at + 1) : item(at + 1)));
  const rows = rowsOf(items, lanesOf(items), filterOf({}), new Set());
  const model = minimapOf(rows);

  test('a place of it is a row, also beyond its ends', () => {
    expect(rowAt(0, 1001, 500)).toBe(0);
    expect(rowAt(250, 1001, 500)).toBe(500);
    expect(rowAt(9999, 1001, 500)).toBe(1000);
    expect(rowPx(3, 500)).toBe(6);
  });

  test('where rows are thinner than pixels, each line counts what falls into it', () => {
    const counts = bucketsOf(model, 100);
    expect(counts).toHaveLength(100 * KINDS.length);
    expect(counts.reduce((sum, n) => sum + n, 0)).toBe(1000);
    const half = counts.subarray(50 * KINDS.length, 51 * KINDS.length);
    expect(half[KINDS.indexOf('builtin')]).toBeGreaterThan(0);
    expect(half[KINDS.indexOf('prompt')]).toBe(0);
  });
});

test('keys go to the next row that fits, or nowhere', () => {
  const items = [prompt(1), tool(2), tool(3, { is_error: true }), prompt(4, { turn: 2 })];
  const rows = rowsOf(items, lanesOf(items), filterOf({}), new Set());
  expect(nextRow(rows, 0, 1, isTurn)).toBe(4);
  expect(nextRow(rows, 4, -1, isTurn)).toBe(0);
  expect(nextRow(rows, 0, 1, isFailed)).toBe(3);
  expect(nextRow(rows, 3, 1, isFailed)).toBe(-1);
});

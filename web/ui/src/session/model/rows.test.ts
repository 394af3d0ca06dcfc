import { describe, expect, test } from 'vitest';
import type { OutlineItem } from '~/api/types';
import { call, item, prompt, tool } from '../testing/items';
import { type Filter, filterOf } from './filters';
import { lanesOf } from './lanes';
import { laneKey, type Row, rowsOf, turnKey } from './rows';

const ALL = filterOf({});

function rows(items: OutlineItem[], filter: Filter = ALL, folded: string[] = []): Row[] {
  return rowsOf(items, lanesOf(items), filter, new Set(folded));
}

/** Each row as one word, indented by its depth. */
function drawn(list: Row[]): string[] {
  return list.map((row) => {
    if (row.type === 'turn') return `turn ${row.turn.number}`;
    return `${'  '.repeat(row.depth)}${row.type === 'lane' ? `lane ${row.lane.id}` : row.item.seq}`;
  });
}

const session = [
  item(1, { turn: 0, purpose: 'title' }),
  prompt(2),
  call(3),
  tool(4, { spawned_subagent_id: 'a', title: 'Look around' }),
  prompt(5, { subagent_id: 'a' }),
  item(6),
  tool(7, { subagent_id: 'a', spawned_subagent_id: 'b' }),
  item(8, { subagent_id: 'b' }),
  item(9, { subagent_id: 'a' }),
  prompt(10, { turn: 2 }),
  item(11, { turn: 2, subagent_id: 'a' }),
];

describe('what hooks tell', () => {
  const hook = { channels: ['hook' as const], subagent_id: 'a' };

  test('a task that is told at the end stands at the beginning', () => {
    const told = [
      tool(1, { spawned_subagent_id: 'a' }),
      item(2, { ...hook, kind: 'subagent_start' }),
      tool(3, hook),
      item(4, hook),
      item(5, { ...hook, kind: 'subagent_stop' }),
      prompt(6, hook),
    ];
    expect(drawn(rows(told)).slice(2)).toEqual(['  lane a', '  2', '  6', '  3', '  4', '  5']);
    const onTheWire = told.map((one) => ({ ...one, channels: ['edge' as const, 'hook' as const] }));
    expect(drawn(rows(onTheWire)).slice(2)).toEqual(['  lane a', '  2', '  3', '  4', '  5', '  6']);
  });

  test('a tool call has the permission that was asked for it, shown or not', () => {
    const asked = item(2, { kind: 'permission', call_id: 'c', decision: 'asked' });
    const denied = item(3, { kind: 'permission', call_id: 'c', decision: 'denied' });
    const later = item(4, { kind: 'permission', call_id: 'c', decision: 'asked' });
    const list = rows([tool(1, { call_id: 'c' }), asked, denied, later], filterOf({ hide: 'permission' }));
    expect(list).toHaveLength(2);
    expect(list[1]).toMatchObject({ permission: { decision: 'denied' } });
  });
});

describe('turns and lanes', () => {
  test('a subagent stands under the tool call that started it, and its own under its', () => {
    expect(drawn(rows(session))).toEqual([
      'turn 0',
      '1',
      'turn 1',
      '2',
      '3',
      '4',
      '  lane a',
      '  5',
      '  7',
      '    lane b',
      '    8',
      '  9',
      '6',
      'turn 2',
      '10',
      '  lane a',
      '  11',
    ]);
  });

  test('a lane is named by the call that started it, else by its id', () => {
    const lanes = lanesOf([...session, item(12, { subagent_id: 'a1234567890' })]);
    expect(lanes.get('a')?.name).toBe('Look around');
    expect(lanes.get('a1234567890')?.name).toBe('Subagent a1234567…');
    expect([...lanes.values()].map(({ index }) => index)).toEqual([0, 1, 2, 3]);
  });

  test('a subagent whose call is not known stands where it first speaks', () => {
    const loose = [prompt(1), item(2, { subagent_id: 'x' }), item(3), item(4, { subagent_id: 'x' })];
    expect(drawn(rows(loose))).toEqual(['turn 1', '1', '  lane x', '  2', '  4', '3']);
  });

  test('lanes that name one another end', () => {
    const circle = [
      tool(1, { subagent_id: 'a', spawned_subagent_id: 'b' }),
      tool(2, { subagent_id: 'b', spawned_subagent_id: 'a' }),
    ];
    expect(drawn(rows(circle)).filter((row) => row.includes('lane'))).toHaveLength(2);
    expect(drawn(rows(circle))).toHaveLength(5);
  });

  test('the rail lists the lanes down to the own one', () => {
    const eight = rows(session).find((row) => row.key === 'evt_8');
    expect(eight?.type === 'event' && eight.rail).toBe('0,1,2');
  });

  test('no item is lost and none is shown twice', () => {
    const shown = rows(session).flatMap((row) => (row.type === 'event' ? [row.item.seq] : []));
    expect(shown.sort((a, b) => a - b)).toEqual(session.map(({ seq }) => seq));
  });
});

describe('folding', () => {
  test('a folded turn is its head alone', () => {
    expect(drawn(rows(session, ALL, [turnKey(1)]))).toEqual([
      'turn 0',
      '1',
      'turn 1',
      'turn 2',
      '10',
      '  lane a',
      '  11',
    ]);
  });

  test('a folded subagent takes its own subagents with it', () => {
    const list = drawn(rows(session, ALL, [laneKey(1, 'a')]));
    expect(list.slice(2, 8)).toEqual(['turn 1', '2', '3', '4', '  lane a', '6']);
  });
});

describe('filters', () => {
  test('hidden kinds have no rows, and what is left empty has no head', () => {
    const list = drawn(rows(session, filterOf({ hide: 'completion,model' })));
    expect(list).toEqual(['turn 1', '2', '4', '  lane a', '  5', '  7', 'turn 2', '10']);
  });

  test('one lane alone, under the heads that lead to it', () => {
    expect(drawn(rows(session, filterOf({ lane: 'b' })))).toEqual([
      'turn 1',
      '  lane a',
      '    lane b',
      '    8',
    ]);
    expect(drawn(rows(session, filterOf({ lane: 'main' }))).some((row) => row.includes('lane'))).toBe(false);
  });

  test('only what failed', () => {
    const bad = [
      ...session,
      tool(12, { turn: 2, status: 'failed' }),
      call(13, { turn: 2, status_code: 529 }),
    ];
    expect(drawn(rows(bad, filterOf({ errors: true })))).toEqual(['turn 2', '12', '13']);
  });

  test('a folded subagent all of whose rows are filtered away has no head', () => {
    const list = drawn(rows(session, filterOf({ lane: 'main' }), [laneKey(1, 'a')]));
    expect(list.join()).not.toContain('lane');
  });
});

test("a turn's head sums up all of it, whatever is filtered", () => {
  const usage = { input_tokens: 10, output_tokens: 5, cache_read_input_tokens: 100 };
  const turn = [
    prompt(1, { title: 'Do it' }),
    call(2, { provider: 'anthropic', usage, latency_ms: 500 }),
    call(3, { provider: 'openai', usage }),
    tool(4, { is_error: true, duration_ms: 2000 }),
  ];
  const [head] = rows(turn, filterOf({ hide: 'model' }));
  expect(head?.type === 'turn' && head.turn).toMatchObject({
    prompt: 'Do it',
    toolCalls: 1,
    errors: 1,
    // As the calls below tell them: each figure by itself, whatever the provider.
    usage: { input_tokens: 20, output_tokens: 10, cache_read_input_tokens: 200 },
    durationMs: 5000,
  });
});

import type { OutlineItem, Usage } from '~/api/types';
import { addUsage } from '~/sessions/usage';
import { failed } from './kinds';

/** From one prompt of the main thread to the next, in sums. */
export interface Turn {
  /** 0: before the first prompt. */
  number: number;
  /** The prompt's beginning. */
  prompt: string;
  startedAt: string;
  /** Milliseconds from its first fact to the end of its last. */
  durationMs: number;
  events: number;
  toolCalls: number;
  errors: number;
  /** Of all its model calls. */
  usage: Usage;
}

/** The items of each turn, in the turns' order. */
export function byTurn(items: readonly OutlineItem[]): Map<number, OutlineItem[]> {
  const turns = new Map<number, OutlineItem[]>();
  for (const item of items) {
    const turn = turns.get(item.turn);
    if (turn === undefined) turns.set(item.turn, [item]);
    else turn.push(item);
  }
  return new Map([...turns].sort(([a], [b]) => a - b));
}

export function turnOf(number: number, items: readonly OutlineItem[]): Turn {
  const turn: Turn = {
    number,
    prompt: '',
    startedAt: items[0]?.at ?? '',
    durationMs: 0,
    events: items.length,
    toolCalls: 0,
    errors: 0,
    usage: {},
  };
  let first = Number.POSITIVE_INFINITY;
  let last = 0;
  let prompted = false;
  for (const item of items) {
    const at = Date.parse(item.at);
    first = Math.min(first, at);
    last = Math.max(last, at + (item.duration_ms ?? item.latency_ms ?? 0));
    if (item.kind === 'tool_call') turn.toolCalls += 1;
    if (failed(item)) turn.errors += 1;
    if (item.kind === 'prompt' && item.subagent_id === undefined && !prompted) {
      prompted = true;
      turn.prompt = item.title;
      turn.startedAt = item.at;
    }
    turn.usage = addUsage(turn.usage, item.usage);
  }
  turn.durationMs = Math.max(0, last - first);
  return turn;
}

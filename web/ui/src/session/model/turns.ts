import type { OutlineItem } from '~/api/types';
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
  /** Tokens, caches included: what the models read. */
  inputTokens: number;
  outputTokens: number;
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
    inputTokens: 0,
    outputTokens: 0,
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
    turn.inputTokens += inputTokens(item);
    turn.outputTokens += item.usage?.output_tokens ?? 0;
  }
  turn.durationMs = Math.max(0, last - first);
  return turn;
}

/** Providers differ in whether the caches' share is in `input_tokens`: the Anthropic way is beside it. */
function inputTokens(item: OutlineItem): number {
  const usage = item.usage;
  if (!usage) return 0;
  const input = usage.input_tokens ?? 0;
  if (item.provider !== 'anthropic') return input;
  return input + (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0);
}

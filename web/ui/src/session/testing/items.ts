import type { OutlineItem } from '~/api/types';

/** An outline item for tests: a completion unless told otherwise, its id and time by its `seq`. */
export function item(seq: number, change: Partial<OutlineItem> = {}): OutlineItem {
  return {
    id: `evt_${seq}`,
    rev: seq,
    session_id: 'ses_1',
    seq,
    at: new Date(Date.UTC(2026, 10, 22, 8, 0, seq)).toISOString(),
    kind: 'completion',
    turn: 1,
    channels: ['edge'],
    title: `text ${seq}`,
    chars: 20,
    lines: 1,
    ...change,
  };
}

export const prompt = (seq: number, change: Partial<OutlineItem> = {}): OutlineItem =>
  item(seq, { kind: 'prompt', ...change });

export const tool = (seq: number, change: Partial<OutlineItem> = {}): OutlineItem =>
  item(seq, { kind: 'tool_call', tool: { name: 'Read', type: 'builtin' }, status: 'completed', ...change });

export const call = (seq: number, change: Partial<OutlineItem> = {}): OutlineItem =>
  item(seq, { kind: 'model_call', purpose: 'turn', title: '', chars: 0, lines: 0, ...change });

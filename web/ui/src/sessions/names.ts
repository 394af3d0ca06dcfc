import type { Channel, SessionStatus } from '~/api/schema';

export const CHANNEL_NAMES: Record<Channel, string> = {
  edge: 'edge',
  hook: 'hook',
  browser: 'browser',
  otel: 'telemetry',
  transcript: 'transcript',
  edr: 'device',
};

export const STATUS_NAMES: Record<SessionStatus, string> = { active: 'active', idle: 'idle', ended: 'ended' };

const KIND_NAMES: Record<string, string> = {
  prompt: 'Prompt',
  completion: 'Completion',
  reasoning: 'Reasoning',
  tool_call: 'Tool call',
  model_call: 'Model call',
};

/** What kind of event something was found in. */
export const kindName = (kind: string): string => KIND_NAMES[kind] ?? kind;

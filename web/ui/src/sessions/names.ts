import type { Channel, Highlight, SessionStatus } from '~/api/schema';

export const CHANNEL_NAMES: Record<Channel, string> = {
  edge: 'edge',
  hook: 'hook',
  browser: 'browser',
  otel: 'telemetry',
  transcript: 'transcript',
  edr: 'device',
  scan: 'scan',
};

export const STATUS_NAMES: Record<SessionStatus, string> = { active: 'active', idle: 'idle', ended: 'ended' };

/** What kind of event something was found in. */
export const KIND_NAMES: Record<Highlight['kind'], string> = {
  prompt: 'Prompt',
  completion: 'Completion',
  reasoning: 'Reasoning',
  tool_call: 'Tool call',
  model_call: 'Model call',
  session_start: 'Session start',
  session_end: 'Session end',
  permission: 'Permission',
  subagent_start: 'Subagent start',
  subagent_stop: 'Subagent end',
  compaction: 'Compaction',
  error: 'Error',
  notice: 'Notice',
};

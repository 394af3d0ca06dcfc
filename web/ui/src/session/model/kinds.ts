import type { OutlineItem } from '~/api/types';
import { KIND_NAMES as EVENT_NAMES } from '~/sessions/names';
import { readTitle } from './patchTitle';

/** How rows are told apart and filtered: tool calls by what they reach. */
export type Kind =
  | 'prompt'
  | 'completion'
  | 'reasoning'
  | 'builtin'
  | 'mcp'
  | 'cli'
  | 'model'
  | 'permission'
  | 'span'
  | 'other';

export const KINDS: readonly Kind[] = [
  'prompt',
  'completion',
  'reasoning',
  'builtin',
  'mcp',
  'cli',
  'model',
  'permission',
  'span',
  'other',
];

/** In the plural: for filters. */
export const KIND_NAMES: Record<Kind, string> = {
  prompt: 'Prompts',
  completion: 'Completions',
  reasoning: 'Reasoning',
  builtin: 'Tools',
  mcp: 'MCP',
  cli: 'Command line',
  model: 'Model calls',
  permission: 'Permissions',
  span: 'Starts and ends',
  other: 'Notices',
};

/** A variable of tokens.css. */
export const kindColour = (kind: Kind): string => `var(--${kind})`;

/** Tool calls aside. */
const KIND_OF: Record<Exclude<OutlineItem['kind'], 'tool_call'>, Kind> = {
  prompt: 'prompt',
  completion: 'completion',
  reasoning: 'reasoning',
  model_call: 'model',
  permission: 'permission',
  session_start: 'span',
  session_end: 'span',
  subagent_start: 'span',
  subagent_stop: 'span',
  compaction: 'other',
  error: 'other',
  notice: 'other',
};

export function kindOf(item: OutlineItem): Kind {
  if (item.kind !== 'tool_call') return KIND_OF[item.kind];
  if (item.tool?.program !== undefined) return 'cli';
  return item.tool?.type === 'mcp' ? 'mcp' : 'builtin';
}

/** Whether it went wrong: a tool that failed or was not allowed, a model call that was refused. */
export function failed(item: OutlineItem): boolean {
  if (item.kind === 'tool_call') {
    return item.is_error === true || item.status === 'failed' || item.status === 'denied';
  }
  if (item.kind === 'error') return true;
  if (item.kind !== 'model_call') return false;
  return item.error_kind !== undefined || (item.status_code !== undefined && item.status_code >= 400);
}

/** Of one: for what is read aloud. Tool calls by what they reach. */
function nameOf(item: OutlineItem): string {
  if (item.kind === 'tool_call') return TOOL_NAMES[kindOf(item)] ?? 'Tool call';
  return item.kind === 'permission' ? `Permission ${item.decision ?? 'asked'}` : EVENT_NAMES[item.kind];
}

const TOOL_NAMES: Partial<Record<Kind, string>> = { mcp: 'MCP call', cli: 'Command line' };

/** What a row is, in a sentence for those who hear it. */
export function spoken(item: OutlineItem): string {
  const name = nameOf(item);
  const tool = item.tool ? ` ${item.tool.mcp_tool ?? item.tool.name}` : '';
  const what =
    item.kind === 'model_call'
      ? ` ${item.model ?? item.request_model ?? ''}`
      : `${tool} ${item.title === '' ? (item.code ?? '') : readTitle(item.title)}`;
  return `${name}${failed(item) ? ', failed' : ''}:${what}`.trimEnd();
}

import type { OutlineItem } from '~/api/types';
import { readTitle } from './patchTitle';

/** How rows are told apart and filtered: tool calls by what they reach. */
export type Kind = 'prompt' | 'completion' | 'reasoning' | 'builtin' | 'mcp' | 'cli' | 'model' | 'other';

export const KINDS: readonly Kind[] = [
  'prompt',
  'completion',
  'reasoning',
  'builtin',
  'mcp',
  'cli',
  'model',
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
  other: 'Notices',
};

/** Of one: for what is read aloud, and for titles. */
export const KIND_NAME: Record<Kind, string> = {
  prompt: 'Prompt',
  completion: 'Completion',
  reasoning: 'Reasoning',
  builtin: 'Tool call',
  mcp: 'MCP call',
  cli: 'Command line',
  model: 'Model call',
  other: 'Notice',
};

/** A variable of tokens.css. */
export const kindColour = (kind: Kind): string => (kind === 'other' ? 'var(--warn)' : `var(--${kind})`);

export function kindOf(item: OutlineItem): Kind {
  if (item.kind === 'tool_call') {
    if (item.tool?.program !== undefined) return 'cli';
    return item.tool?.type === 'mcp' ? 'mcp' : 'builtin';
  }
  if (item.kind === 'model_call') return 'model';
  if (item.kind === 'prompt' || item.kind === 'completion' || item.kind === 'reasoning') return item.kind;
  // Starts, ends, permissions, compactions: what an agent tells of itself.
  return 'other';
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

/** What a row is, in a sentence for those who hear it. */
export function spoken(item: OutlineItem): string {
  const name = KIND_NAME[kindOf(item)];
  const tool = item.tool ? ` ${item.tool.mcp_tool ?? item.tool.name}` : '';
  const what =
    item.kind === 'model_call'
      ? ` ${item.model ?? item.request_model ?? ''}`
      : `${tool} ${readTitle(item.title)}`;
  return `${name}${failed(item) ? ', failed' : ''}:${what}`.trimEnd();
}

import type { PermissionDecision } from '~/api/schema';
import type { OutlineItem } from '~/api/types';

/** A line of what happened around the conversation: what it was, and what the agent says of it. */
export interface Line {
  what: string;
  /** The agent's own word, where ours do not say the same. */
  word?: string;
}

/** Words of agents that say no more than ours do. */
const SILENT = new Set(['startup', 'new', 'other', 'unknown', '']);

const STARTS: Record<string, string> = {
  resume: 'Session resumed',
  clear: 'Session started after a clear',
  fork: 'Session started as a fork',
};

const ENDS: Record<string, string> = {
  clear: 'Session ended by a clear',
  resume: 'Session ended, another was resumed',
  logout: 'Session ended, the user signed out',
  prompt_input_exit: 'Session ended by the user',
  user_exit: 'Session ended by the user',
  exit: 'Session ended by the user',
  complete: 'Session ended, its work was done',
  completed: 'Session ended, its work was done',
};

const COMPACTIONS: Record<string, string> = {
  auto: 'Conversation summed up, as its context was nearly full',
  manual: 'Conversation summed up on request',
};

/** Codes of notices whose message is the object of a sentence; all others are said as they are. */
const NOTICES: Record<string, string> = {
  notification: 'Notification:',
  model_switch: 'Model changed to',
  cwd_changed: 'Folder changed to',
  directory_added: 'Folder added:',
  file_changed: 'File changed:',
  config_change: 'Settings changed:',
  instructions_loaded: 'Instructions read from',
  task_created: 'Task set:',
  task_completed: 'Task done:',
  worktree_create: 'Worktree made:',
  worktree_remove: 'Worktree removed:',
  elicitation: 'A tool asks the user:',
  elicitation_result: 'The user answered the tool:',
  interrupt: 'Interrupted by the user',
  setup: 'Set up:',
};

/** Kinds that have an agent's own word, and no message. */
const SPANS: Partial<Record<OutlineItem['kind'], [known: Record<string, string>, otherwise: string]>> = {
  session_start: [STARTS, 'Session started'],
  session_end: [ENDS, 'Session ended'],
  compaction: [COMPACTIONS, 'Conversation summed up'],
  subagent_start: [{}, 'Subagent started'],
  subagent_stop: [{}, 'Subagent ended'],
};

export function lineOf(item: OutlineItem): Line {
  const span = SPANS[item.kind];
  if (span) return told(span[0], item.title, span[1]);
  return { what: codeWords(item.code ?? item.kind, item.title !== '') };
}

/** Of a notice: what it is, ending so that its message can follow. */
function codeWords(code: string, followed: boolean): string {
  const known = Object.hasOwn(NOTICES, code) ? NOTICES[code] : undefined;
  const words = known ?? `${sentence(code)}:`;
  return followed ? words : words.replace(/( to| from)?:?$/, '');
}

function sentence(code: string): string {
  const words = code.replaceAll('_', ' ').trim();
  return words === '' ? 'Notice' : words.charAt(0).toUpperCase() + words.slice(1);
}

function told(known: Record<string, string>, word: string, what: string): Line {
  if (SILENT.has(word)) return { what };
  return Object.hasOwn(known, word) ? { what: known[word] ?? what } : { what, word };
}

export const DECISIONS: Record<PermissionDecision, string> = {
  asked: 'asked',
  allowed: 'allowed',
  denied: 'denied',
};

/** What is known of a permission, in a sentence. */
export function permissionSentence(decision: PermissionDecision, status: OutlineItem['status']): string {
  if (decision === 'denied') return 'A permission was needed for this call, and it was denied.';
  if (decision === 'allowed') return 'A permission was needed for this call, and it was given.';
  if (status === 'denied') return 'The user was asked before this call, and it did not run.';
  const ran = status === 'completed' || status === 'failed' || status === 'running';
  const end = ran ? 'no channel told the answer, but the call ran.' : 'no channel told the answer.';
  return `The user was asked before this call; ${end}`;
}

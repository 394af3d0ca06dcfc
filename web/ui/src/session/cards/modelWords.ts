import type { OutlineItem } from '~/api/types';

/** Reasons of an answer's end that need no word: it said all, or went on with tools. */
const USUAL = new Set([
  'end_turn',
  'stop',
  'tool_use',
  'tool_calls',
  'function_call',
  'stop_sequence',
  'completed',
  'finish',
]);

/** Why an answer ended, when that is not the usual. */
export function endedOtherwise(reason: string | null | undefined): string | undefined {
  return reason && !USUAL.has(reason.toLowerCase()) ? reason.replaceAll('_', ' ').toLowerCase() : undefined;
}

/** What a call was for, when it was not the turn itself. */
export function purposeWord(purpose: OutlineItem['purpose'] | null): string | undefined {
  if (!purpose || purpose === 'turn') return undefined;
  return purpose.replaceAll('_', ' ');
}

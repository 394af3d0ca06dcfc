import type { OutlineItem, Usage } from '~/api/types';
import { compact } from '~/app/time';

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

/** Tokens in words. Whether input from a cache is part of the input differs between providers, so it stands beside it. */
export function tokens(usage: Usage): string[] {
  const { input_tokens, output_tokens, cache_read_input_tokens, cache_creation_input_tokens } = usage;
  const thought = usage.reasoning_output_tokens;
  const words: string[] = [];
  if (typeof input_tokens === 'number') words.push(`${compact(input_tokens)} in`);
  if (cache_read_input_tokens) words.push(`${compact(cache_read_input_tokens)} from cache`);
  if (cache_creation_input_tokens) words.push(`${compact(cache_creation_input_tokens)} to cache`);
  if (typeof output_tokens === 'number') {
    words.push(`${compact(output_tokens)} out${thought ? ` (${compact(thought)} reasoning)` : ''}`);
  }
  return words;
}

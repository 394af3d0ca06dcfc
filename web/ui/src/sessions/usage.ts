import type { Usage } from '~/api/types';
import { compact, count } from '~/app/time';

/**
 * How the desk tells tokens, of a call, a turn or a session alike: four figures, each summed up by itself.
 *
 * None is added to another: what a provider calls input holds the cached tokens with some (OpenAI, Google) and stands
 * beside them with others (Anthropic), and the sums of a session do not tell whose they are. So equal words always mean
 * equal figures, and the calls of a turn add up to its head.
 */
const PARTS = [
  { key: 'input_tokens', word: 'in', always: true },
  { key: 'cache_read_input_tokens', word: 'from cache', always: false },
  { key: 'cache_creation_input_tokens', word: 'to cache', always: false },
  { key: 'output_tokens', word: 'out', always: true },
] as const satisfies readonly { key: keyof Usage; word: string; always: boolean }[];

type Part = (typeof PARTS)[number];

/** A figure in short, and what it is of: `12.3K`, `from cache`. */
export interface TokenPart {
  figure: string;
  word: Part['word'];
}

/** Nothing where nothing was told; the caches only where they had a share. */
export function tokenParts(usage: Usage | null | undefined): TokenPart[] {
  if (!usage || !PARTS.some(({ key }) => usage[key])) return [];
  return PARTS.filter(({ key, always }) => always || usage[key]).map(({ key, word }) => ({
    figure: compact(usage[key] ?? 0),
    word,
  }));
}

/** The figures in full and what is counted in each, a line each: for a tooltip. */
export function tokenLines(usage: Usage): string[] {
  const told = (key: keyof Usage) => count(usage[key] ?? 0);
  return [
    `${told('input_tokens')} input tokens, as the provider counts them`,
    `${told('cache_read_input_tokens')} of input from the provider's cache`,
    `${told('cache_creation_input_tokens')} of input written to its cache`,
    `${told('output_tokens')} output tokens, of them ${told('reasoning_output_tokens')} for reasoning`,
    'Anthropic counts the cached beside the input; OpenAI and Google count them within it.',
  ];
}

/** Each figure by itself. */
export function addUsage(sum: Usage, more: Usage | null | undefined): Usage {
  if (!more) return sum;
  const added = { ...sum };
  for (const key of [...PARTS.map((part) => part.key), 'reasoning_output_tokens'] as const)
    added[key] = (sum[key] ?? 0) + (more[key] ?? 0);
  return added;
}

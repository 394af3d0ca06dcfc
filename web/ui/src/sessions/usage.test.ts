import { describe, expect, it } from 'vitest';
import { addUsage, tokenLines, tokenParts } from './usage';

const words = (parts: ReturnType<typeof tokenParts>) => parts.map(({ figure, word }) => `${figure} ${word}`);

describe('tokens', () => {
  it('are four figures, the caches only where they had a share', () => {
    expect(words(tokenParts({ input_tokens: 5, output_tokens: 2 }))).toEqual(['5 in', '2 out']);
    expect(
      words(
        tokenParts({
          input_tokens: 5,
          output_tokens: 2,
          cache_read_input_tokens: 7,
          cache_creation_input_tokens: 3,
        }),
      ),
    ).toEqual(['5 in', '7 from cache', '3 to cache', '2 out']);
    expect(words(tokenParts({ cache_read_input_tokens: 7 }))).toEqual(['0 in', '7 from cache', '0 out']);
  });

  it('are not shown where nothing was told', () => {
    expect(tokenParts(undefined)).toEqual([]);
    expect(tokenParts({ input_tokens: 0, output_tokens: 0 })).toEqual([]);
  });

  it('add up each by itself, so that calls add up to their turn and turns to their session', () => {
    const one = { input_tokens: 10, cache_read_input_tokens: 100, output_tokens: 5 };
    const two = { input_tokens: 1, output_tokens: 1, reasoning_output_tokens: 1 };
    expect([one, undefined, two].reduce(addUsage, {})).toEqual({
      input_tokens: 11,
      output_tokens: 6,
      cache_read_input_tokens: 100,
      cache_creation_input_tokens: 0,
      reasoning_output_tokens: 1,
    });
  });

  it('are told in full with what is counted', () => {
    const lines = tokenLines({ input_tokens: 12_345, output_tokens: 2, reasoning_output_tokens: 1 });
    expect(lines[0]).toMatch(/^12.345 input tokens, as the provider counts them$/);
    expect(lines).toContain('2 output tokens, of them 1 for reasoning');
    expect(lines.at(-1)).toContain('Anthropic counts the cached beside the input');
  });
});

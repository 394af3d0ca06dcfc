import { describe, expect, it } from 'vitest';
import { AGENTS, placeOf } from './agents';
import type { Snippet } from './guides/guide';

const origin = 'https://ursa.example.com';
const setUps = AGENTS.flatMap((agent) => [...agent.once, ...agent.permanent]);
const texts = (snippets: readonly Snippet[], place: ReturnType<typeof placeOf>) =>
  snippets.map((snippet) => snippet.text(place));

describe('set-ups', () => {
  it('name this server and no other', () => {
    for (const text of texts(setUps, placeOf(origin, undefined))) {
      for (const [address] of text.matchAll(/https?:\/\/[^\s"'`]+/g)) {
        expect(address).toMatch(
          /^(https:\/\/ursa\.example\.com\/edge\/(anthropic|openai|chatgpt|gemini)(\/|$)|https:\/\/opencode\.ai\/config\.json$)/,
        );
      }
    }
  });

  it('have the key in the path where one is needed', () => {
    const addresses = texts(setUps, placeOf(origin, ' k/1 ')).filter((text) => text.includes('/edge/'));
    expect(addresses.length).toBeGreaterThanOrEqual(AGENTS.length);
    for (const text of addresses) expect(text).not.toMatch(/\/edge\/(?!k\/k%2F1\/)/);
    expect(placeOf(origin, '').edge).toBe(`${origin}/edge/k/KEY`);
    expect(placeOf(origin, undefined).edge).toBe(`${origin}/edge`);
  });

  it('have the key in a header or in the path, not in both', () => {
    for (const agent of AGENTS) {
      const [text = ''] = texts(agent.header, placeOf(origin, 'secret'));
      expect(text.match(/secret/g)).toHaveLength(1);
      expect(text).toContain('x-ursa-key');
    }
  });

  it('for a JSON file are JSON', () => {
    for (const snippet of setUps.filter(({ title }) => /\.json/.test(title))) {
      expect(() => JSON.parse(snippet.text(placeOf(origin, undefined)))).not.toThrow();
    }
  });

  it('are told apart', () => {
    const slugs = AGENTS.flatMap(({ slugs }) => slugs);
    expect(new Set(slugs).size).toBe(slugs.length);
    expect(new Set(AGENTS.map(({ id }) => id)).size).toBe(AGENTS.length);
  });
});

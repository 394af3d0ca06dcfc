import { describe, expect, it } from 'vitest';
import { choices } from './values';

const known = [
  { value: 'claude-code', label: 'Claude Code' },
  { value: 'codex', label: 'Codex' },
];
const values = (typed: string) => choices(known, typed).map(({ value }) => value);

describe('choices', () => {
  it('are the known values', () => {
    expect(values(' ')).toEqual(['claude-code', 'codex']);
  });

  it('begin with what begins as the typed text does, and end with that text', () => {
    expect(values('Cod')).toEqual(['codex', 'claude-code', 'Cod']);
  });

  it('have a typed text that is known only once', () => {
    expect(values('Codex ')).toEqual(['codex', 'claude-code']);
    expect(values('claude-code')).toEqual(['claude-code', 'codex']);
  });
});

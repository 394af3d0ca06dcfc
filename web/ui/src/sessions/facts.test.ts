import { describe, expect, it } from 'vitest';
import { counted, folderTail, gapLines, tookTime, withoutDate } from './facts';
import { session } from './session.fixture';

describe('folderTail', () => {
  it.each([
    ['/home/ana/src/storefront', '…/src/storefront'],
    ['C:\\Users\\ana\\shop\\web', '…/shop/web'],
    ['/srv/app', '/srv/app'],
    ['/', '/'],
  ])('%s', (path, tail) => {
    expect(folderTail(path)).toBe(tail);
  });
});

describe('withoutDate', () => {
  it.each([
    ['claude-haiku-4-5-20251001', 'claude-haiku-4-5'],
    ['gpt-4o-2024-08-06', 'gpt-4o'],
    ['claude-sonnet-5', 'claude-sonnet-5'],
    ['gpt-5.5', 'gpt-5.5'],
  ])('%s', (model, name) => {
    expect(withoutDate(model)).toBe(name);
  });
});

describe('gapLines', () => {
  it('says each gap once and how many are left', () => {
    const gap = (detail: string) => ({ channel: 'edge' as const, kind: 'cut', detail });
    const gaps = [gap('one'), gap('one'), ...Array.from({ length: 9 }, (_, n) => gap(`more ${n}`))];
    const lines = gapLines(session('a', 1, { completeness: { complete: false, gaps } }));
    expect(lines.slice(0, 3)).toEqual(['Not complete:', 'edge: one', 'edge: more 0']);
    expect(lines.at(-1)).toBe('and 2 more');
  });
});

describe('figures', () => {
  it('a session took as long as from its first event to its last, and never less than nothing', () => {
    const times = (started_at: string, last_event_at: string) =>
      tookTime(session('a', 1, { started_at, last_event_at }));
    expect(times('2026-11-23T00:00:00Z', '2026-11-23T00:01:05Z')).toBe('1 min 5 s');
    expect(times('2026-11-23T00:00:01Z', '2026-11-23T00:00:00Z')).toBe('0 ms');
  });

  it('counts in words', () => {
    expect([counted(1, 'prompt'), counted(2, 'prompt')]).toEqual(['1 prompt', '2 prompts']);
  });
});

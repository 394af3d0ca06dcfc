import { describe, expect, it } from 'vitest';
import { session } from '~/sessions/session.fixture';
import { arrivals, connected, firstLook } from './arrivals';

const ids = (sessions: { id: string }[]) => sessions.map(({ id }) => id);

describe('arrivals', () => {
  it('are the sessions that were not there when the page was opened', () => {
    const seen = firstLook({ items: [session('b', 2), session('a', 1)], next_cursor: null });
    expect(arrivals({ items: [session('b', 2), session('a', 1)] }, seen)).toEqual([]);
    expect(ids(arrivals({ items: [session('c', 3), session('b', 2), session('a', 1)] }, seen))).toEqual([
      'c',
    ]);
  });

  it('light up on an empty server', () => {
    expect(ids(arrivals({ items: [session('a', 1)] }, firstLook({ items: [] })))).toEqual(['a']);
  });

  it('leave out older ones that move up because others are removed', () => {
    const seen = firstLook({ items: [session('c', 3), session('b', 2)], next_cursor: 'more' });
    const page = { items: [session('d', 4), session('b', 2), session('a', 1)], next_cursor: 'more' };
    expect(ids(arrivals(page, seen))).toEqual(['d']);
  });
});

describe('connected', () => {
  it('knows guides by the slugs of their sessions', () => {
    expect(connected(['claude-code', 'openai-node', 'openai-python', 'who-knows'])).toEqual(
      new Set(['claude-code', 'sdks']),
    );
  });
});

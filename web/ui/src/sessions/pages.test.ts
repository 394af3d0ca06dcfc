import { describe, expect, it } from 'vitest';
import { allSessions, heldBack, mergeFirstPage, replaceSessions, type SessionPage } from './pages';
import { session } from './session.fixture';

const page = (cursor: string | null, ...items: ReturnType<typeof session>[]): SessionPage => ({
  items,
  next_cursor: cursor,
});
const ids = (pages: SessionPage[] | undefined) => pages && allSessions(pages).map(({ id }) => id);

const [a, b, c, d, e] = [session('a', 5), session('b', 4), session('c', 3), session('d', 2), session('e', 1)];
const loaded = [page('1', b, c), page('2', d, e)];

describe('mergeFirstPage', () => {
  it('puts new sessions before the known ones and keeps the later pages and their cursors', () => {
    const pages = mergeFirstPage(loaded, page('x', a, b));
    expect(ids(pages)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(pages?.map(({ next_cursor }) => next_cursor)).toEqual(['1', '2']);
  });

  it('takes the newer state of a known session', () => {
    const pages = mergeFirstPage(loaded, page('x', { ...b, title: 'now with a title' }, c));
    expect(pages && allSessions(pages)[0]?.title).toBe('now with a title');
    expect(ids(pages)).toEqual(['b', 'c', 'd', 'e']);
  });

  it('takes out what is gone from the range of the first page, and nothing beyond it', () => {
    expect(ids(mergeFirstPage(loaded, page('x', b, d)))).toEqual(['b', 'd', 'e']);
  });

  it('cannot mend a list that the first page has no part of', () => {
    expect(mergeFirstPage(loaded, page('x', session('y', 9), session('z', 8)))).toBeUndefined();
  });

  it('takes a first page that is all there is', () => {
    expect(ids(mergeFirstPage(loaded, page(null, a)))).toEqual(['a']);
    expect(ids(mergeFirstPage([page(null)], page('x', a, b)))).toEqual(['a', 'b']);
  });
});

describe('allSessions', () => {
  it('has a session once that stands on two pages', () => {
    expect(ids([page('1', a, b), page(null, b, c)])).toEqual(['a', 'b', 'c']);
  });
});

describe('replaceSessions', () => {
  it('changes a session where it stands, and keeps what was found in it', () => {
    const highlights = [{ event_id: 'evt', kind: 'prompt' as const, text: 'x' }];
    const pages = replaceSessions([page('1', a, { ...b, highlights })], [{ ...b, status: 'ended' }, c]);
    expect(ids(pages)).toEqual(['a', 'b']);
    expect(allSessions(pages)[1]).toMatchObject({ status: 'ended', highlights });
  });
});

describe('heldBack', () => {
  it('counts what came before the session that the reader had first', () => {
    expect(heldBack([a, b, c], 'c')).toBe(2);
    expect(heldBack([a, b, c], 'a')).toBe(0);
  });

  it('holds nothing back at the top, or when that session is gone', () => {
    expect(heldBack([a, b], null)).toBe(0);
    expect(heldBack([a, b], 'gone')).toBe(0);
  });
});

import { parseSearchWith, stringifySearchWith } from '@tanstack/react-router';
import { describe, expect, it } from 'vitest';
import { isFiltered, type SessionsSearch, sessionsSearch, withFilter } from './search';

// As the router reads and writes an address.
const parse = parseSearchWith(JSON.parse);
const format = stringifySearchWith(JSON.stringify, JSON.parse);
const roundTrip = (search: SessionsSearch) => sessionsSearch(parse(format({ ...search })));

describe('filters in the address', () => {
  it.each<SessionsSearch>([
    {},
    { q: 'two words', agent: 'claude-code', user: 'ana@example.com', device: 'ana-laptop' },
    { model: 'gpt-5.5', tool: 'mcp__jira__get', mcp_server: 'jira', channel: 'edge', status: 'idle' },
    { last: '24h' },
    { from: '2026-11-22T10:00:00.000Z', to: '2026-11-23T10:00:00.000Z' },
    // Texts that look like something else.
    { q: '404' },
    { q: '"an exact phrase"' },
    { q: 'true', tool: 'null', user: '0123' },
    { q: 'a&b=c #d %41 ü 😀', model: '[1,2]' },
  ])('come back as they were: %j', (search) => {
    expect(roundTrip(search)).toEqual(search);
  });

  it('takes what a person types', () => {
    expect(sessionsSearch(parse('?q=404&user=+ana+'))).toEqual({ q: '404', user: 'ana' });
    expect(sessionsSearch(parse('?from=2026-11-22T12:00%2B02:00'))).toEqual({
      from: '2026-11-22T10:00:00.000Z',
    });
  });

  it('leaves out what is no filter', () => {
    const raw = {
      q: ' ',
      agent: '',
      channel: 'pigeon',
      status: 'asleep',
      last: '2y',
      from: 'soon',
      to: {},
      user: [],
      x: 'y',
    };
    expect(sessionsSearch(raw)).toEqual({});
  });

  it('takes a span or two moments, not both', () => {
    expect(sessionsSearch({ last: '1h', from: '2026-11-22T10:00:00.000Z' })).toEqual({ last: '1h' });
  });
});

describe('withFilter', () => {
  it('sets, replaces and takes out one filter', () => {
    const search = withFilter({ q: 'x' }, 'agent', 'codex');
    expect(search).toEqual({ q: 'x', agent: 'codex' });
    expect(withFilter(search, 'agent', 'opencode')).toEqual({ q: 'x', agent: 'opencode' });
    const without = withFilter(search, 'agent', undefined);
    expect(without).toEqual({ q: 'x' });
    expect(Object.keys(without)).toEqual(['q']);
    expect([isFiltered(without), isFiltered({})]).toEqual([true, false]);
  });
});

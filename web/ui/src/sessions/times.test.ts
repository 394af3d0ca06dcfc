import { describe, expect, it } from 'vitest';
import { bounds, fromLocalField, rangeName, toLocalField } from './times';

const NOW = Date.parse('2026-11-23T12:00:00.000Z');

describe('bounds', () => {
  it.each([
    ['1h', '2026-11-23T11:00:00.000Z'],
    ['24h', '2026-11-22T12:00:00.000Z'],
    ['7d', '2026-11-16T12:00:00.000Z'],
  ] as const)('%s ends now', (last, from) => {
    expect(bounds({ last }, NOW)).toEqual({ from });
  });

  it('passes moments on, and nothing where there is none', () => {
    expect(bounds({ from: 'a', to: 'b' }, NOW)).toEqual({ from: 'a', to: 'b' });
    expect(bounds({ to: 'b' }, NOW)).toEqual({ to: 'b' });
    expect(Object.keys(bounds({}, NOW))).toEqual([]);
  });
});

describe('local fields', () => {
  it('are in the reader’s own time, and the moment in UTC', () => {
    const local = new Date(2026, 2, 5, 7, 8);
    expect(toLocalField(local.toISOString())).toBe('2026-03-05T07:08');
    expect(fromLocalField('2026-03-05T07:08')).toBe(local.toISOString());
  });

  it('come back to the minute', () => {
    for (const field of ['2026-01-31T00:00', '2026-06-30T23:59']) {
      expect(toLocalField(fromLocalField(field))).toBe(field);
    }
  });

  it('may be empty or half filled', () => {
    expect([toLocalField(undefined), fromLocalField(''), fromLocalField('2026-13')]).toEqual([
      '',
      undefined,
      undefined,
    ]);
  });
});

describe('rangeName', () => {
  it('says what is set', () => {
    expect(rangeName({})).toBeUndefined();
    expect(rangeName({ last: '7d' })).toBe('Last 7 days');
    expect(rangeName({ from: '2026-11-22T10:00:00.000Z' })).toMatch(/^since /);
    expect(rangeName({ to: '2026-11-22T10:00:00.000Z' })).toMatch(/^before /);
    expect(rangeName({ from: '2026-11-22T10:00:00.000Z', to: '2026-11-23T10:00:00.000Z' })).toMatch(/ to /);
  });
});

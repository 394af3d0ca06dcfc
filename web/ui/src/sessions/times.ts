import type { Last, SessionsSearch } from './search';

const HOUR_MS = 3_600_000;
const SPANS_MS: Record<Last, number> = { '1h': HOUR_MS, '24h': 24 * HOUR_MS, '7d': 7 * 24 * HOUR_MS };

export const LAST_NAMES: Record<Last, string> = {
  '1h': 'Last hour',
  '24h': 'Last 24 hours',
  '7d': 'Last 7 days',
};

/** The part of a search that is about time. */
export type TimeRange = Pick<SessionsSearch, 'last' | 'from' | 'to'>;

/** Bounds as the API takes them: RFC 3339 in UTC. `now` in milliseconds. */
export function bounds(range: TimeRange, now: number): { from?: string; to?: string } {
  if (range.last) return { from: new Date(now - SPANS_MS[range.last]).toISOString() };
  return {
    ...(range.from === undefined ? {} : { from: range.from }),
    ...(range.to === undefined ? {} : { to: range.to }),
  };
}

/** `2026-11-23T14:05` in the reader's own zone, as a `datetime-local` field has it; empty without a moment. */
export function toLocalField(at: string | undefined): string {
  if (at === undefined) return '';
  const date = new Date(at);
  const two = (n: number) => String(n).padStart(2, '0');
  const day = `${String(date.getFullYear()).padStart(4, '0')}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** The moment that a `datetime-local` field means, in UTC; `undefined` for an empty or half-filled one. */
export function fromLocalField(value: string): string | undefined {
  const at = new Date(value);
  return value === '' || Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}

const short = new Intl.DateTimeFormat(undefined, {
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
});

/** The range in words; `undefined` when time does not matter. */
export function rangeName(range: TimeRange): string | undefined {
  if (range.last) return LAST_NAMES[range.last];
  const from = range.from && short.format(new Date(range.from));
  const to = range.to && short.format(new Date(range.to));
  if (from && to) return `${from} to ${to}`;
  if (from) return `since ${from}`;
  return to ? `before ${to}` : undefined;
}

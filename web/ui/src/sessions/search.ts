import type { Channel, SessionStatus } from '~/api/schema';

/** Time spans that end now. */
export const LAST = ['1h', '24h', '7d'] as const;
export type Last = (typeof LAST)[number];

/** Those by which sessions are filtered: a scan is no part of one. */
export const CHANNELS = [
  'edge',
  'hook',
  'browser',
  'otel',
  'transcript',
  'edr',
] as const satisfies readonly Channel[];
export const STATUSES = ['active', 'idle', 'ended'] as const satisfies readonly SessionStatus[];

/** Filters whose value is any text. */
export const TEXT_FILTERS = ['agent', 'user', 'device', 'model', 'tool', 'mcp_server'] as const;
export type TextFilter = (typeof TEXT_FILTERS)[number];

/** The filters of the session list, as they stand in the page's address. */
export interface SessionsSearch extends Partial<Record<TextFilter, string>> {
  /** Full text. */
  q?: string;
  channel?: Channel;
  status?: SessionStatus;
  /** Started within this span before now: stays true as time goes on, so that the address can be kept. */
  last?: Last;
  /** Started at or after: RFC 3339 in UTC. Not together with `last`. */
  from?: string;
  /** Started before: RFC 3339 in UTC. Not together with `last`. */
  to?: string;
}

/** What of a page's address is a filter; the rest is left out. */
export function sessionsSearch(raw: Record<string, unknown>): SessionsSearch {
  const search: SessionsSearch = {};
  for (const name of ['q', ...TEXT_FILTERS] as const) {
    const value = text(raw[name]);
    if (value !== undefined) search[name] = value;
  }
  const channel = oneOf(CHANNELS, raw.channel);
  if (channel) search.channel = channel;
  const status = oneOf(STATUSES, raw.status);
  if (status) search.status = status;
  const last = oneOf(LAST, raw.last);
  if (last) return { ...search, last };
  const from = moment(raw.from);
  if (from !== undefined) search.from = from;
  const to = moment(raw.to);
  if (to !== undefined) search.to = to;
  return search;
}

/** The router reads `q=404` as a number: an address that was typed by hand means the text. */
function text(value: unknown): string | undefined {
  const told = typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
  return typeof told === 'string' && told.trim() !== '' ? told.trim() : undefined;
}

function oneOf<T extends string>(known: readonly T[], value: unknown): T | undefined {
  return known.find((one) => one === value);
}

function moment(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const at = new Date(value);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}

/** The search with one filter set, or taken out when `undefined`. */
export function withFilter<K extends keyof SessionsSearch>(
  search: SessionsSearch,
  name: K,
  value: SessionsSearch[K] | undefined,
): SessionsSearch {
  const { [name]: _, ...rest } = search;
  return value === undefined ? rest : { ...rest, [name]: value };
}

/** Whether anything narrows the list. */
export const isFiltered = (search: SessionsSearch): boolean => Object.keys(search).length > 0;

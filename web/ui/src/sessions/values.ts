import { useQuery } from '@tanstack/react-query';
import { client, unwrap } from '~/api/client';
import type { SeenName } from '~/api/schema';
import { deviceName, userName } from './facts';
import type { TextFilter } from './search';

/** A value of a filter, as the address has it and as people know it. */
export interface FilterValue {
  value: string;
  label: string;
  /** Sessions that have it; not told for a value that was typed. */
  sessions?: number;
}

/** Most values that a list is asked for; others can be typed. */
export const VALUES_LIMIT = 500;

type Ask = (signal: AbortSignal) => Promise<FilterValue[]>;

const limited = (signal: AbortSignal) => ({ params: { query: { limit: VALUES_LIMIT } }, signal });
const named = ({ items }: { items: SeenName[] }): FilterValue[] =>
  items.map(({ name, sessions }) => ({ value: name, label: name, sessions }));

const ASK: Record<TextFilter, Ask> = {
  agent: async (signal) => {
    const { items } = await unwrap(client.GET('/agents', limited(signal)));
    return items.map(({ slug, name, sessions }) => ({ value: slug, label: name, sessions }));
  },
  user: async (signal) => {
    const { items } = await unwrap(client.GET('/users', limited(signal)));
    return items.map((user) => ({ value: user.id, label: userName(user), sessions: user.sessions }));
  },
  device: async (signal) => {
    const { items } = await unwrap(client.GET('/devices', limited(signal)));
    return items.map((device) => ({
      value: device.id,
      label: deviceName(device),
      sessions: device.sessions,
    }));
  },
  model: async (signal) => named(await unwrap(client.GET('/models', limited(signal)))),
  tool: async (signal) => named(await unwrap(client.GET('/tools', limited(signal)))),
  mcp_server: async (signal) => named(await unwrap(client.GET('/mcp-servers', limited(signal)))),
};

/** The values that recorded sessions have; asked for when first needed. */
export function useFilterValues(filter: TextFilter, enabled: boolean) {
  return useQuery({ queryKey: ['values', filter], enabled, queryFn: ({ signal }) => ASK[filter](signal) });
}

/**
 * What can be chosen, what begins with the typed text first. That text itself can be chosen too: a list has its limit,
 * and a filter may be made before its first session comes.
 */
export function choices(known: readonly FilterValue[], typed: string): FilterValue[] {
  const text = typed.trim();
  if (text === '') return [...known];
  const begins = ({ value, label }: FilterValue) =>
    [value, label].some((name) => name.toLowerCase().startsWith(text.toLowerCase()));
  const ordered = [...known.filter(begins), ...known.filter((one) => !begins(one))];
  const exists = known.some(({ value, label }) => value === text || label === text);
  return exists ? ordered : [...ordered, { value: text, label: text }];
}

import { useQuery } from '@tanstack/react-query';
import { client, unwrap } from '~/api/client';
import type { TextFilter } from './search';

/** A value of a filter, as the address has it and as people know it. */
export interface FilterValue {
  value: string;
  label: string;
}

/** Most values that a list is asked for; others can be typed. */
export const VALUES_LIMIT = 500;

const PATHS = {
  agent: '/agents',
  user: '/users',
  device: '/devices',
  model: '/models',
  tool: '/tools',
  mcp_server: '/mcp-servers',
} as const satisfies Record<TextFilter, string>;

interface Listed {
  items: {
    slug?: string;
    id?: string;
    name?: string | null;
    email?: string | null;
    hostname?: string | null;
  }[];
}

/** The values that recorded sessions have; asked for when first needed. */
export function useFilterValues(filter: TextFilter, enabled: boolean) {
  return useQuery({
    queryKey: ['values', filter],
    enabled,
    queryFn: async ({ signal }): Promise<FilterValue[]> => {
      const get = client.GET as unknown as (path: string, init: object) => ReturnType<typeof listed>;
      const list = await unwrap(get(PATHS[filter], { params: { query: { limit: VALUES_LIMIT } }, signal }));
      return list.items.map((item) => {
        const value = item.slug ?? item.id ?? item.name ?? '';
        return { value, label: item.email ?? item.hostname ?? item.name ?? value };
      });
    },
  });
}
declare function listed(): Promise<{ data?: Listed; error?: unknown; response: Response }>;

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

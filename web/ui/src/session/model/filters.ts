import type { OutlineItem } from '~/api/types';
import type { SessionSearch } from '../search';
import { failed, KINDS, type Kind, kindOf } from './kinds';
import { laneId } from './lanes';

/** Which rows are shown. */
export interface Filter {
  hidden: ReadonlySet<Kind>;
  errorsOnly: boolean;
  /** Only this lane. */
  lane: string | undefined;
}

export function filterOf(search: SessionSearch): Filter {
  const words = new Set(search.hide?.split(','));
  return {
    hidden: new Set(KINDS.filter((kind) => words.has(kind))),
    errorsOnly: search.errors === true,
    lane: search.lane,
  };
}

/** `hide` as it stands in the address: in the order of the kinds, so that one view has one address. */
export function hideWord(hidden: ReadonlySet<Kind>): string | undefined {
  const word = KINDS.filter((kind) => hidden.has(kind)).join(',');
  return word === '' ? undefined : word;
}

export function passes(filter: Filter, item: OutlineItem): boolean {
  if (filter.hidden.has(kindOf(item))) return false;
  if (filter.errorsOnly && !failed(item)) return false;
  return filter.lane === undefined || laneId(item) === filter.lane;
}

export const isFiltering = (filter: Filter): boolean =>
  filter.hidden.size > 0 || filter.errorsOnly || filter.lane !== undefined;

/** How many rows each filter would show, by itself. */
export interface Counts {
  kinds: Record<Kind, number>;
  errors: number;
}

export function countKinds(items: readonly OutlineItem[]): Counts {
  const kinds = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Kind, number>;
  let errors = 0;
  for (const item of items) {
    kinds[kindOf(item)] += 1;
    if (failed(item)) errors += 1;
  }
  return { kinds, errors };
}

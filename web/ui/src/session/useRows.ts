import { useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback, useMemo, useState } from 'react';
import type { OutlineItem } from '~/api/types';
import { type Counts, countKinds, type Filter, filterOf, hideWord, passes } from './model/filters';
import { type Lane, lanesOf } from './model/lanes';
import { laneKey, type Row, rowsOf, turnKey } from './model/rows';
import type { SessionSearch } from './search';

export interface Rows {
  search: SessionSearch;
  /** Changes the address; `undefined` takes a key out. */
  setSearch(change: { [K in keyof SessionSearch]?: SessionSearch[K] | undefined }): void;
  filter: Filter;
  setFilter(filter: Filter): void;
  lanes: ReadonlyMap<string, Lane>;
  counts: Counts;
  rows: Row[];
  byId: ReadonlyMap<string, OutlineItem>;
  /** Of each event its place in the session. */
  order: ReadonlyMap<string, number>;
  fold(key: string): void;
  /** Unfolds, and gives up the filter if need be, so that the event has a row. */
  reveal(item: OutlineItem): void;
}

/** What of the session is shown, as rows: by the address's filters and by what the reader folded. */
export function useRows(items: readonly OutlineItem[]): Rows {
  const search = useSearch({ from: '/sessions/$sessionId' });
  const navigate = useNavigate({ from: '/sessions/$sessionId' });
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const { hide, errors, lane } = search;
  const filter = useMemo(
    () => filterOf({ ...(hide ? { hide } : {}), ...(errors ? { errors } : {}), ...(lane ? { lane } : {}) }),
    [hide, errors, lane],
  );
  const lanes = useMemo(() => lanesOf(items), [items]);
  const counts = useMemo(() => countKinds(items), [items]);
  const rows = useMemo(() => rowsOf(items, lanes, filter, folded), [items, lanes, filter, folded]);
  const byId = useMemo(() => new Map(items.map((item) => [item.id, item])), [items]);
  const order = useMemo(() => new Map(items.map((item, index) => [item.id, index])), [items]);

  const setSearch: Rows['setSearch'] = useCallback(
    (change) => {
      void navigate({
        search: (last) => {
          const next = Object.entries({ ...last, ...change }).filter(([, value]) => value !== undefined);
          return Object.fromEntries(next) as SessionSearch;
        },
        replace: true,
        resetScroll: false,
      });
    },
    [navigate],
  );
  const setFilter = useCallback(
    (next: Filter) =>
      setSearch({ hide: hideWord(next.hidden), errors: next.errorsOnly || undefined, lane: next.lane }),
    [setSearch],
  );
  const fold = useCallback((key: string) => setFolded((last) => toggled(last, key)), []);
  const reveal = (item: OutlineItem) => {
    if (!passes(filter, item)) setSearch({ hide: undefined, errors: undefined, lane: undefined });
    // The lanes around its own, too: a subagent's subagent is under a folded head as well.
    const keys = [turnKey(item.turn), ...[...lanes.keys()].map((id) => laneKey(item.turn, id))];
    const shut = item.subagent_id === undefined ? keys.slice(0, 1) : keys;
    setFolded((last) => (shut.some((key) => last.has(key)) ? without(last, shut) : last));
  };
  return { search, setSearch, filter, setFilter, lanes, counts, rows, byId, order, fold, reveal };
}

export function toggled<T>(set: ReadonlySet<T>, value: T): ReadonlySet<T> {
  const next = new Set(set);
  if (!next.delete(value)) next.add(value);
  return next;
}

function without<T>(set: ReadonlySet<T>, values: readonly T[]): ReadonlySet<T> {
  const next = new Set(set);
  for (const value of values) next.delete(value);
  return next;
}

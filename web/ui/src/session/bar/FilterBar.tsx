import { count } from '~/app/time';
import { plainly } from '~/content/chars';
import { type Counts, type Filter, isFiltering } from '../model/filters';
import { KIND_NAMES, KINDS, type Kind } from '../model/kinds';
import type { Lane } from '../model/lanes';
import { KindIcon } from '../timeline/Sprite';
import styles from './bar.module.css';

export interface FilterBarProps {
  filter: Filter;
  counts: Counts;
  lanes: readonly Lane[];
  onChange: (filter: Filter) => void;
}

/** Which kinds and lanes are shown, and how many there are of each. */
export function FilterBar({ filter, counts, lanes, onChange }: FilterBarProps) {
  const toggle = (kind: Kind) => {
    const hidden = new Set(filter.hidden);
    if (!hidden.delete(kind)) hidden.add(kind);
    onChange({ ...filter, hidden });
  };
  return (
    <fieldset className={styles.filters}>
      <legend className="visually-hidden">Show</legend>
      {KINDS.filter((kind) => counts.kinds[kind] > 0 || filter.hidden.has(kind)).map((kind) => (
        <button
          key={kind}
          type="button"
          className={styles.toggle}
          aria-pressed={!filter.hidden.has(kind)}
          onClick={() => toggle(kind)}
        >
          <KindIcon kind={kind} size={13} />
          {KIND_NAMES[kind]}
          <span className={styles.count}>{count(counts.kinds[kind])}</span>
        </button>
      ))}
      {(counts.errors > 0 || filter.errorsOnly) && (
        <button
          type="button"
          className={`${styles.toggle} ${styles.errors}`}
          aria-pressed={filter.errorsOnly}
          onClick={() => onChange({ ...filter, errorsOnly: !filter.errorsOnly })}
        >
          Errors only
          <span className={styles.count}>{count(counts.errors)}</span>
        </button>
      )}
      {(lanes.length > 1 || filter.lane !== undefined) && (
        <LaneChoice lanes={lanes} lane={filter.lane} onChange={(lane) => onChange({ ...filter, lane })} />
      )}
      {isFiltering(filter) && (
        <button type="button" className={styles.clear} onClick={() => onChange(NO_FILTER)}>
          Show all
        </button>
      )}
    </fieldset>
  );
}

const NO_FILTER: Filter = { hidden: new Set(), errorsOnly: false, lane: undefined };

function LaneChoice(props: {
  lanes: readonly Lane[];
  lane: string | undefined;
  onChange: (lane: string | undefined) => void;
}) {
  const { lanes, lane, onChange } = props;
  return (
    <select
      className={styles.lanes}
      aria-label="Lane"
      value={lane ?? ''}
      onChange={(change) => onChange(change.target.value === '' ? undefined : change.target.value)}
    >
      <option value="">All lanes</option>
      {lane !== undefined && !lanes.some(({ id }) => id === lane) && (
        <option value={lane}>{plainly(lane)}</option>
      )}
      {lanes.map(({ id, name, count: events }) => (
        <option key={id} value={id}>
          {plainly(name)} ({count(events)})
        </option>
      ))}
    </select>
  );
}

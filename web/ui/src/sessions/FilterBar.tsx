import { ChoiceFilter } from './ChoiceFilter';
import styles from './filters.module.css';
import { CHANNEL_NAMES, STATUS_NAMES } from './names';
import { CHANNELS, isFiltered, type SessionsSearch, STATUSES, type TextFilter, withFilter } from './search';
import { TimeFilter } from './TimeFilter';
import { ValueFilter } from './ValueFilter';

const VALUE_FILTERS: readonly (readonly [TextFilter, string])[] = [
  ['agent', 'Agent'],
  ['user', 'User'],
  ['device', 'Device'],
  ['model', 'Model'],
  ['tool', 'Tool'],
  ['mcp_server', 'MCP server'],
];

export function FilterBar(props: { search: SessionsSearch; onChange: (search: SessionsSearch) => void }) {
  const { search, onChange } = props;
  return (
    <fieldset className={styles.bar}>
      <legend className="visually-hidden">Filters</legend>
      <TimeFilter
        range={search}
        onChange={(range) => {
          const { last: _last, from: _from, to: _to, ...rest } = search;
          onChange({ ...rest, ...range });
        }}
      />
      {VALUE_FILTERS.map(([filter, name]) => (
        <ValueFilter
          key={filter}
          filter={filter}
          name={name}
          value={search[filter]}
          onChange={(value) => onChange(withFilter(search, filter, value))}
        />
      ))}
      <ChoiceFilter
        name="Channel"
        values={CHANNELS}
        names={CHANNEL_NAMES}
        value={search.channel}
        onChange={(value) => onChange(withFilter(search, 'channel', value))}
      />
      <ChoiceFilter
        name="Status"
        values={STATUSES}
        names={STATUS_NAMES}
        value={search.status}
        onChange={(value) => onChange(withFilter(search, 'status', value))}
      />
      {isFiltered(search) && (
        <button type="button" className={styles.clear} onClick={() => onChange({})}>
          Clear all
        </button>
      )}
    </fieldset>
  );
}

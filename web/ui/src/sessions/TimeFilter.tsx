import { Popover } from '@base-ui/react/popover';
import { Check, ChevronDown } from 'lucide-react';
import { type SubmitEvent, useState } from 'react';
import { FilterChip } from './FilterChip';
import styles from './filters.module.css';
import { LAST } from './search';
import { fromLocalField, LAST_NAMES, rangeName, type TimeRange, toLocalField } from './times';

/** When sessions started: a span that ends now, or two moments in the reader's own time. */
export function TimeFilter({ range, onChange }: { range: TimeRange; onChange: (range: TimeRange) => void }) {
  const [open, setOpen] = useState(false);
  const name = rangeName(range);
  const choose = (chosen: TimeRange) => {
    setOpen(false);
    onChange(chosen);
  };
  return (
    <FilterChip name="Time" onRemove={name === undefined ? undefined : () => onChange({})}>
      <Popover.Root open={open} onOpenChange={setOpen}>
        <Popover.Trigger className={styles.trigger} data-set={name ? '' : undefined}>
          {name === undefined ? 'Time' : `Time: ${name}`}
          <ChevronDown size={13} aria-hidden />
        </Popover.Trigger>
        <Popover.Portal>
          <Popover.Positioner align="start" sideOffset={4} className={styles.positioner}>
            <Popover.Popup className={styles.popup} aria-label="Time">
              <div className={styles.list}>
                {LAST.map((last) => (
                  <button
                    key={last}
                    type="button"
                    className={styles.item}
                    aria-pressed={range.last === last}
                    onClick={() => choose({ last })}
                  >
                    {LAST_NAMES[last]}
                    {range.last === last && <Check size={14} aria-hidden />}
                  </button>
                ))}
              </div>
              <CustomRange range={range} onApply={choose} />
            </Popover.Popup>
          </Popover.Positioner>
        </Popover.Portal>
      </Popover.Root>
    </FilterChip>
  );
}

function CustomRange({ range, onApply }: { range: TimeRange; onApply: (range: TimeRange) => void }) {
  const [from, setFrom] = useState(() => toLocalField(range.from));
  const [to, setTo] = useState(() => toLocalField(range.to));
  const [start, end] = [fromLocalField(from), fromLocalField(to)];
  const backwards = start !== undefined && end !== undefined && start >= end;
  const apply = (event: SubmitEvent) => {
    event.preventDefault();
    if (!backwards) onApply({ ...(start && { from: start }), ...(end && { to: end }) });
  };
  return (
    <form className={styles.custom} onSubmit={apply}>
      <label>
        <span>Started from</span>
        <input
          type="datetime-local"
          className="field"
          value={from}
          onChange={(e) => setFrom(e.target.value)}
        />
      </label>
      <label>
        <span>until before</span>
        <input type="datetime-local" className="field" value={to} onChange={(e) => setTo(e.target.value)} />
      </label>
      <p className={styles.note} role={backwards ? 'alert' : undefined}>
        {backwards
          ? 'The end must come after the beginning.'
          : `Your time: ${Intl.DateTimeFormat().resolvedOptions().timeZone}`}
      </p>
      <button type="submit" className="button" disabled={backwards || (!start && !end)}>
        Apply
      </button>
    </form>
  );
}

import { Combobox } from '@base-ui/react/combobox';
import { Check, ChevronDown } from 'lucide-react';
import { useState } from 'react';
import { count } from '~/app/time';
import { SafeInline } from '~/content/SafeText';
import { FilterChip } from './FilterChip';
import styles from './filters.module.css';
import type { TextFilter } from './search';
import { choices, type FilterValue, useFilterValues, VALUES_LIMIT } from './values';

/** A filter whose values are those of the recorded sessions; others can be typed. */
export function ValueFilter(props: {
  filter: TextFilter;
  name: string;
  value: string | undefined;
  onChange: (value: string | undefined) => void;
}) {
  const [open, setOpen] = useState(false);
  const [typed, setTyped] = useState('');
  // A value that is set needs its name at once; the others only when the list opens.
  const values = useFilterValues(props.filter, open || props.value !== undefined);
  const known = values.data ?? [];
  const items = choices(known, typed);
  const chosen = props.value === undefined ? null : named(known, props.value);
  return (
    <FilterChip name={props.name} onRemove={chosen ? () => props.onChange(undefined) : undefined}>
      <Combobox.Root<FilterValue>
        items={items}
        value={chosen}
        onValueChange={(item) => props.onChange(item?.value)}
        isItemEqualToValue={(item, value) => item.value === value.value}
        itemToStringLabel={(item) => `${item.label} ${item.value}`}
        open={open}
        onOpenChange={setOpen}
        inputValue={typed}
        onInputValueChange={setTyped}
        autoHighlight
      >
        <Combobox.Trigger
          className={styles.trigger}
          data-set={chosen ? '' : undefined}
          aria-label={chosen ? `${props.name}: ${chosen.label}` : props.name}
        >
          {chosen ? (
            <>
              {props.name}: <SafeInline text={chosen.label} />
            </>
          ) : (
            props.name
          )}
          <ChevronDown size={13} aria-hidden />
        </Combobox.Trigger>
        <Combobox.Portal>
          <Combobox.Positioner align="start" sideOffset={4} className={styles.positioner}>
            <Combobox.Popup className={styles.popup} aria-label={props.name}>
              <Combobox.Input
                className={styles.input}
                placeholder={`${props.name}…`}
                aria-label={`Find: ${props.name}`}
              />
              <Combobox.Status className={styles.note}>
                {values.isPending && 'Loading…'}
                {values.isError && `The list did not load: ${values.error.message}`}
                {known.length >= VALUES_LIMIT && `The latest ${VALUES_LIMIT}; type any other.`}
              </Combobox.Status>
              <Combobox.Empty className={styles.empty}>
                {values.isSuccess ? 'Nothing recorded yet.' : ''}
              </Combobox.Empty>
              <Combobox.List className={styles.list}>
                {(item: FilterValue) => (
                  <Combobox.Item key={item.value} value={item} className={styles.item}>
                    <span className={styles.itemText}>
                      <SafeInline text={item.label} />
                      {item.label !== item.value && (
                        <small>
                          <SafeInline text={item.value} />
                        </small>
                      )}
                    </span>
                    {item.sessions !== undefined && (
                      <span className={styles.times} title="Sessions">
                        {count(item.sessions)}
                      </span>
                    )}
                    <Combobox.ItemIndicator>
                      <Check size={14} aria-hidden />
                    </Combobox.ItemIndicator>
                  </Combobox.Item>
                )}
              </Combobox.List>
            </Combobox.Popup>
          </Combobox.Positioner>
        </Combobox.Portal>
      </Combobox.Root>
    </FilterChip>
  );
}

function named(known: readonly FilterValue[], value: string): FilterValue {
  return known.find((one) => one.value === value) ?? { value, label: value };
}

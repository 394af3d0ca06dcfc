import { Select } from '@base-ui/react/select';
import { Check, ChevronDown } from 'lucide-react';
import { useSyncExternalStore } from 'react';
import { FilterChip } from './FilterChip';
import styles from './filters.module.css';

/** A filter with few values that are known beforehand. */
export function ChoiceFilter<T extends string>(props: {
  name: string;
  values: readonly T[];
  names: Record<T, string>;
  value: T | undefined;
  onChange: (value: T | undefined) => void;
}) {
  const main = useSyncExternalStore(noChange, findMain);
  return (
    <FilterChip
      name={props.name}
      onRemove={props.value === undefined ? undefined : () => props.onChange(undefined)}
    >
      <Select.Root<T>
        value={props.value ?? null}
        onValueChange={(value) => props.onChange(value ?? undefined)}
      >
        <Select.Trigger
          className={styles.trigger}
          data-set={props.value ? '' : undefined}
          aria-label={props.value === undefined ? props.name : `${props.name}: ${props.names[props.value]}`}
        >
          {props.value === undefined ? props.name : `${props.name}: ${props.names[props.value]}`}
          <ChevronDown size={13} aria-hidden />
        </Select.Trigger>
        {/* Not below the body: what pops up belongs to the page's main part. */}
        <Select.Portal container={main}>
          <Select.Positioner
            align="start"
            sideOffset={4}
            alignItemWithTrigger={false}
            className={styles.positioner}
          >
            <Select.Popup className={styles.popup}>
              <Select.List className={styles.list}>
                {props.values.map((value) => (
                  <Select.Item key={value} value={value} className={styles.item}>
                    <Select.ItemText className={styles.itemText}>{props.names[value]}</Select.ItemText>
                    <Select.ItemIndicator>
                      <Check size={14} aria-hidden />
                    </Select.ItemIndicator>
                  </Select.Item>
                ))}
              </Select.List>
            </Select.Popup>
          </Select.Positioner>
        </Select.Portal>
      </Select.Root>
    </FilterChip>
  );
}

const findMain = () => document.getElementById('main');
const noChange = () => () => undefined;

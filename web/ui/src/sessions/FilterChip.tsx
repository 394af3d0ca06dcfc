import { X } from 'lucide-react';
import type { ReactNode } from 'react';
import styles from './filters.module.css';

/** A filter; with a button that takes it out once it is set. */
export function FilterChip(props: { name: string; onRemove: (() => void) | undefined; children: ReactNode }) {
  return (
    <div className={styles.chip} data-set={props.onRemove ? '' : undefined}>
      {props.children}
      {props.onRemove && (
        <button
          type="button"
          className={styles.remove}
          onClick={(event) => {
            // The button goes: the focus stays with the filter.
            event.currentTarget.parentElement?.querySelector('button')?.focus();
            props.onRemove?.();
          }}
          aria-label={`Remove filter: ${props.name}`}
        >
          <X size={13} aria-hidden />
        </button>
      )}
    </div>
  );
}

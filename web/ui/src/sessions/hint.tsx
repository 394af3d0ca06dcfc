import { Tooltip } from '@base-ui/react/tooltip';
import type { ReactNode } from 'react';
import styles from './hint.module.css';

/** One tooltip serves all rows: hundreds of their own would be made and dropped while scrolling. */
const handle = Tooltip.createHandle<readonly string[]>();

/** Says more about what it is around, one line each, when the pointer rests on it. */
export function Hint(props: {
  lines: readonly string[];
  className?: string | undefined;
  children: ReactNode;
}) {
  return (
    <Tooltip.Trigger
      handle={handle}
      payload={props.lines}
      closeOnClick={false}
      render={<span className={props.className} />}
    >
      {props.children}
    </Tooltip.Trigger>
  );
}

/** Stands once in a page with hints. */
export function HintPopup() {
  return (
    <Tooltip.Root handle={handle}>
      {({ payload }) => (
        <Tooltip.Portal>
          <Tooltip.Positioner sideOffset={6} className={styles.positioner}>
            <Tooltip.Popup className={styles.popup}>
              {payload?.map((line, index) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: lines of one text
                <div key={index}>{line}</div>
              ))}
            </Tooltip.Popup>
          </Tooltip.Positioner>
        </Tooltip.Portal>
      )}
    </Tooltip.Root>
  );
}

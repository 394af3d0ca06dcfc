import { laneColour } from '../model/lanes';
import styles from './Row.module.css';

/** Lines of the lanes from the main thread to the row's own; `rail` lists them by index, with commas between. */
export function Rail({ rail }: { rail: string }) {
  const lanes = rail.split(',');
  return (
    <span className={styles.rail} aria-hidden>
      {lanes.map((lane, depth) => (
        <span
          // biome-ignore lint/suspicious/noArrayIndexKey: the depth is what a line is
          key={depth}
          className={styles.line}
          data-own={depth === lanes.length - 1 || undefined}
          style={{ background: laneColour(Number(lane)) }}
        />
      ))}
    </span>
  );
}

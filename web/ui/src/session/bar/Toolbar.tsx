import { ArrowDownToLine, CircleHelp, Search } from 'lucide-react';
import { memo } from 'react';
import type { LiveState } from '~/api/live';
import type { Follow } from '../timeline/useFollow';
import type { Rows } from '../useRows';
import styles from './bar.module.css';
import { FilterBar } from './FilterBar';

const LIVE: Record<LiveState, string> = {
  open: 'New events arrive at once',
  waiting: 'No connection: new events wait until there is one again',
  paused: 'Paused while the tab is hidden',
};

export interface ToolbarProps extends Pick<Rows, 'filter' | 'counts' | 'lanes' | 'setFilter'> {
  live: LiveState;
  follow: Follow;
  active: boolean;
  /** Absent where the role does not read texts. */
  onFind: (() => void) | undefined;
  onHelp: () => void;
}

/** Filters, find, follow. */
export const Toolbar = memo(function Toolbar(props: ToolbarProps) {
  const { live, follow, active, onFind, onHelp } = props;
  return (
    <div className={styles.line}>
      <FilterBar
        filter={props.filter}
        counts={props.counts}
        lanes={[...props.lanes.values()]}
        onChange={props.setFilter}
      />
      <div className={styles.tools}>
        {onFind && (
          <button
            type="button"
            className={styles.tool}
            aria-label="Find in session"
            title="Find (Ctrl+F)"
            onClick={onFind}
          >
            <Search size={15} aria-hidden />
          </button>
        )}
        {(active || follow.on) && (
          <button
            type="button"
            className={`button ${styles.follow}`}
            aria-pressed={follow.on}
            title={`Keep the newest in sight (f). ${LIVE[live]}`}
            onClick={() => follow.set(!follow.on)}
          >
            <span className={styles.dot} data-live={live} />
            <ArrowDownToLine size={13} aria-hidden />
            Follow
          </button>
        )}
        <button type="button" className={styles.tool} aria-label="Keys" title="Keys (?)" onClick={onHelp}>
          <CircleHelp size={15} aria-hidden />
        </button>
      </div>
    </div>
  );
});

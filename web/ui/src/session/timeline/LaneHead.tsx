import { Bot, ChevronDown, ChevronRight } from 'lucide-react';
import { plainly } from '~/content/chars';
import { SafeInline } from '~/content/SafeText';
import { laneColour, shortId } from '../model/lanes';
import type { LaneRow } from '../model/rows';
import { useRowActions } from './actions';
import { Rail } from './Rail';
import styles from './Row.module.css';
import { plural } from './TurnHead';

/** The head of what a subagent did within a turn. */
export function LaneHead({ row }: { row: LaneRow }) {
  const actions = useRowActions();
  const { lane, collapsed } = row;
  const Chevron = collapsed ? ChevronRight : ChevronDown;
  return (
    <div className={styles.lane}>
      <Rail rail={row.rail} />
      <button
        type="button"
        className={styles.fold}
        aria-expanded={!collapsed}
        aria-label={`${plainly(lane.name)}: ${collapsed ? 'unfold' : 'fold'}`}
        onClick={() => actions.fold(row.key)}
      >
        <Chevron size={14} aria-hidden />
      </button>
      <Bot size={14} color={laneColour(lane.index)} aria-hidden />
      <span className={styles.laneName} dir="auto">
        <SafeInline text={lane.name} />
      </span>
      <code className={styles.laneId} title={plainly(lane.id)}>
        {plainly(shortId(lane.id))}
      </code>
      <span className={styles.sums}>
        {row.errors > 0 && <span className={styles.errors}>{plural(row.errors, 'error')}</span>}
        {row.events > 0 && <span>{plural(row.events, 'event')}</span>}
      </span>
    </div>
  );
}

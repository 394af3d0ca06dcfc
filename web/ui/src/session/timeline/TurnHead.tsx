import { ChevronDown, ChevronRight, ChevronsUpDown } from 'lucide-react';
import { clockTime, count, duration, fullTime } from '~/app/time';
import { SafeInline } from '~/content/SafeText';
import { turnKey } from '../model/rows';
import type { Turn } from '../model/turns';
import { Tokens } from '../Tokens';
import { useRowActions } from './actions';
import styles from './Row.module.css';

export interface TurnHeadProps {
  turn: Turn;
  collapsed: boolean;
  /** It stands over its turn's rows: its prompt is out of sight. Its twin in the list is the one for keys. */
  stuck?: boolean;
}

/** The head of a turn: its number, what was asked, and what it came to. */
export function TurnHead({ turn, collapsed, stuck = false }: TurnHeadProps) {
  const actions = useRowActions();
  const key = turnKey(turn.number);
  const Chevron = collapsed ? ChevronRight : ChevronDown;
  const name = turn.number === 0 ? 'Before the first prompt' : `Turn ${turn.number}`;
  const skip = stuck ? { tabIndex: -1 } : {};
  return (
    <div className={styles.turn} data-stuck={stuck || undefined}>
      <button
        type="button"
        className={styles.fold}
        aria-expanded={!collapsed}
        aria-label={`${name}: ${collapsed ? 'unfold' : 'fold'}`}
        onClick={() => actions.fold(key)}
        {...skip}
      >
        <Chevron size={14} aria-hidden />
      </button>
      <button type="button" className={styles.turnName} onClick={() => actions.goTo(key)} {...skip}>
        {name}
      </button>
      <span className={styles.turnPrompt} dir="auto">
        <SafeInline text={turn.prompt} />
      </span>
      <span className={styles.sums}>
        <TurnSums turn={turn} />
        <time className={styles.wide} dateTime={turn.startedAt} title={fullTime(turn.startedAt)}>
          {clockTime(turn.startedAt)}
        </time>
      </span>
      {turn.toolCalls > 0 && (
        <button
          type="button"
          className={styles.action}
          title="Open or close all tool calls of this turn"
          aria-label={`Open or close all tool calls of turn ${turn.number}`}
          onClick={() => actions.toggleTurn(turn.number)}
          {...skip}
        >
          <ChevronsUpDown size={13} aria-hidden />
        </button>
      )}
    </div>
  );
}

function TurnSums({ turn }: { turn: Turn }) {
  return (
    <>
      {turn.errors > 0 && <span className={styles.errors}>{plural(turn.errors, 'error')}</span>}
      {turn.toolCalls > 0 && <span className={styles.wide}>{plural(turn.toolCalls, 'tool call')}</span>}
      <span className={styles.wide}>
        <Tokens usage={turn.usage} />
      </span>
      <span className={styles.wide}>{duration(turn.durationMs)}</span>
    </>
  );
}

export const plural = (n: number, word: string): string => `${count(n)} ${word}${n === 1 ? '' : 's'}`;

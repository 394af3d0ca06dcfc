import { ChevronDown, ChevronUp, X } from 'lucide-react';
import { type KeyboardEvent, useEffect, useRef } from 'react';
import { count } from '~/app/time';
import styles from './bar.module.css';
import type { Find } from './useFind';

/** Finds words in the whole session. */
export function FindBar({ find }: { find: Find }) {
  const field = useRef<HTMLInputElement>(null);
  // Opened again while it is open, it takes the focus again, as a browser's own does.
  // biome-ignore lint/correctness/useExhaustiveDependencies: each opening counts
  useEffect(() => {
    field.current?.focus();
    field.current?.select();
  }, [find.opened]);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape') {
      event.preventDefault();
      find.close();
    } else if (event.key === 'Enter') {
      event.preventDefault();
      find.step(event.shiftKey ? -1 : 1);
    }
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: `search` is not known to every reader yet
    <div className={styles.find} role="search" aria-label="Find in session">
      <input
        ref={field}
        type="search"
        className={`field ${styles.findField}`}
        aria-label="Find in this session"
        placeholder="Find in this session"
        title='All words must occur in one event; "double quotes" for a phrase'
        value={find.words}
        onChange={(change) => find.setWords(change.target.value)}
        onKeyDown={onKeyDown}
      />
      <span className={styles.findCount} aria-live="polite">
        {said(find)}
      </span>
      <button
        type="button"
        className={styles.tool}
        aria-label="Previous hit"
        title="Previous (Shift+Enter)"
        disabled={find.hits.ids.length === 0}
        onClick={() => find.step(-1)}
      >
        <ChevronUp size={15} aria-hidden />
      </button>
      <button
        type="button"
        className={styles.tool}
        aria-label="Next hit"
        title="Next (Enter)"
        disabled={find.hits.ids.length === 0}
        onClick={() => find.step(1)}
      >
        <ChevronDown size={15} aria-hidden />
      </button>
      <button
        type="button"
        className={styles.tool}
        aria-label="Close find"
        title="Close (Esc)"
        onClick={find.close}
      >
        <X size={15} aria-hidden />
      </button>
    </div>
  );
}

function said(find: Find): string {
  const { hits, words, state } = find;
  if (words.trim() === '') return '';
  if (state === 'asking') return 'Looking…';
  if (state instanceof Error) return state.message;
  if (hits.ids.length === 0) return 'Not found';
  return `${count(hits.at + 1)} of ${count(hits.ids.length)}${hits.more ? '+' : ''}`;
}

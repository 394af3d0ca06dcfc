import { useState } from 'react';
import { count } from '~/app/time';
import { CodeBlock } from '~/content/CodeBlock';
import styles from './cards.module.css';
import { clippedChars, usePieces, type useWhole } from './load';
import type { Clipped, ClippedEvent } from './types';

/** What was cut off inside an event, and the ways to it: all at once while that fits a page, else piece by piece. */
export function ClippedRest({ event, whole }: { event: ClippedEvent; whole: ReturnType<typeof useWhole> }) {
  const clipped = event.clipped ?? [];
  if (clipped.length === 0) return null;
  const chars = clippedChars(event);
  return (
    <div className={styles.clipped}>
      <span>Long values are cut ({count(chars)} characters in all).</span>
      {whole.load ? (
        <button type="button" className="button" disabled={whole.loading} onClick={whole.load}>
          {whole.loading ? 'Loading…' : 'Load all'}
        </button>
      ) : (
        clipped.map((entry) => <Value key={entry.pointer} event={event} entry={entry} />)
      )}
      <a href={`/api/v1/events/${encodeURIComponent(event.id)}`} download={`${event.id}.json`}>
        Download as JSON
      </a>
      {whole.error !== undefined && <span role="alert">{whole.error}</span>}
    </div>
  );
}

function Value({ event, entry }: { event: ClippedEvent; entry: Clipped }) {
  const [open, setOpen] = useState(false);
  return (
    <div className={styles.clippedValue}>
      <button type="button" className="button" aria-expanded={open} onClick={() => setOpen(!open)}>
        <code>{entry.pointer}</code> {count(entry.chars)} characters
      </button>
      {open && <Pieces event={event} entry={entry} />}
    </div>
  );
}

function Pieces({ event, entry }: { event: ClippedEvent; entry: Clipped }) {
  const { text, rest } = usePieces(event, entry.pointer, valueAt(event, entry.pointer));
  return <CodeBlock text={text} label={<code>{entry.pointer}</code>} rest={rest} />;
}

/** The string at a JSON pointer; empty where there is none. */
export function valueAt(value: unknown, pointer: string): string {
  let at = value;
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[name] : undefined;
  }
  return typeof at === 'string' ? at : '';
}

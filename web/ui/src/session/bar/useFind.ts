import { useCallback, useEffect, useRef, useState } from 'react';
import { findEvents } from '../data/queries';
import { beginAt, type Hits, inOrder, NO_HITS, step } from '../model/find';
import { asBegun } from '../model/inPage';

/** The server is asked once the typing rests. */
const TYPING_MS = 200;

export interface Find {
  open: boolean;
  /** Counts the openings. */
  opened: number;
  words: string;
  hits: Hits;
  state: 'idle' | 'asking' | Error;
  show(): void;
  close(): void;
  setWords(words: string): void;
  step(by: 1 | -1): void;
}

interface FindParts {
  sessionId: string;
  /** Of each event its place in the session. */
  order: ReadonlyMap<string, number>;
  /** From the address. */
  initial: string | undefined;
  /** The place where the reader is now. */
  here: () => number;
  /** Events that the page itself can tell to hold the words. */
  inPage: (words: string) => readonly string[];
  /** Brings an event into view. */
  onHit: (id: string) => void;
  /** Puts the words into the address. */
  onWords: (words: string | undefined) => void;
}

/**
 * Finding in a session: the server looks through all of it for words and beginnings of words, the page through what it
 * has for any part of a word.
 */
export function useFind(parts: FindParts): Find {
  const { sessionId, order, initial } = parts;
  const [opened, setOpened] = useState(initial === undefined ? 0 : 1);
  const [open, setOpen] = useState(initial !== undefined);
  const [words, setWords] = useState(initial ?? '');
  const [hits, setHits] = useState<Hits>(NO_HITS);
  const [state, setState] = useState<Find['state']>('idle');
  const latest = useRef(parts);
  latest.current = parts;

  useEffect(() => {
    const asked = words.trim();
    setHits(NO_HITS);
    if (!open || asked === '') {
      setState('idle');
      return;
    }
    setState('asking');
    const abort = new AbortController();
    const timer = setTimeout(() => {
      findEvents(sessionId, asBegun(asked), abort.signal).then(
        ({ ids: found, more }) => {
          if (abort.signal.aborted) return;
          const now = latest.current;
          const ids = inOrder([...found, ...now.inPage(asked)], now.order);
          const at = beginAt(ids, now.order, now.here());
          setHits({ ids, at, more });
          setState('idle');
          now.onWords(asked);
          const id = ids[at];
          if (id !== undefined) now.onHit(id);
        },
        (cause: unknown) => {
          if (!abort.signal.aborted) setState(cause instanceof Error ? cause : new Error(String(cause)));
        },
      );
    }, TYPING_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [sessionId, words, open]);

  const move = (by: 1 | -1) => {
    const next = step(hits, by);
    const id = next.ids[next.at];
    setHits(next);
    if (id !== undefined && order.has(id)) parts.onHit(id);
  };
  const show = useCallback(() => {
    setOpen(true);
    setOpened((times) => times + 1);
  }, []);
  const close = () => {
    setOpen(false);
    parts.onWords(undefined);
  };
  return { open, opened, words, hits, state, show, close, setWords, step: move };
}

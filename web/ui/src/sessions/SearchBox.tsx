import { Search } from 'lucide-react';
import { useEffect, useEffectEvent, useRef, useState } from 'react';
import styles from './filters.module.css';
import { takesKeys } from './keys';

/** Each look for a text is written to the audit log: only what was typed to its end is looked for. */
const TYPING_MS = 500;

/** The full-text search; `/` leads into it from anywhere. */
export function SearchBox({ q, onChange }: { q: string; onChange: (q: string | undefined) => void }) {
  const [text, setText] = useState(q);
  const [shown, setShown] = useState(q);
  const input = useRef<HTMLInputElement>(null);
  // The address changed from elsewhere: a link, the back button, "clear".
  if (q !== shown) {
    setShown(q);
    setText(q);
  }
  const submit = useEffectEvent(() => {
    const wanted = text.trim();
    if (wanted === q) return;
    setShown(wanted);
    onChange(wanted === '' ? undefined : wanted);
  });

  // biome-ignore lint/correctness/useExhaustiveDependencies: each change of the text begins the wait anew
  useEffect(() => {
    const timer = setTimeout(() => submit(), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text]);

  useEffect(() => {
    const focus = (event: KeyboardEvent) => {
      if (event.key !== '/' || takesKeys(event)) return;
      event.preventDefault();
      input.current?.select();
    };
    document.addEventListener('keydown', focus);
    return () => document.removeEventListener('keydown', focus);
  }, []);

  return (
    <search className={styles.search}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <Search size={15} aria-hidden />
        <input
          ref={input}
          type="search"
          value={text}
          onChange={(event) => setText(event.target.value)}
          placeholder="Search in all sessions"
          aria-label="Search in all sessions"
          aria-keyshortcuts="/"
          title={'All words must occur; "double quotes" for a phrase, begin* for words that begin so'}
          autoComplete="off"
          spellCheck={false}
        />
        <kbd aria-hidden>/</kbd>
      </form>
    </search>
  );
}

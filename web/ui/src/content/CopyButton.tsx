import { Check, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';
import styles from './CopyButton.module.css';

/** How long a button says that it has copied, in milliseconds. */
const SAID_MS = 1500;

/** Copies a text as it is, hidden characters and all. */
export function CopyButton({ text, label = 'Copy' }: { text: () => string; label?: string }) {
  const [said, setSaid] = useState<'copied' | 'failed'>();
  useEffect(() => {
    if (said === undefined) return;
    const timer = setTimeout(() => setSaid(undefined), SAID_MS);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = () => {
    const written = navigator.clipboard?.writeText(text()) ?? Promise.reject(new Error('no clipboard'));
    written.then(
      () => setSaid('copied'),
      () => setSaid('failed'),
    );
  };
  return (
    <button type="button" className={styles.tool} onClick={copy}>
      {said === 'copied' ? <Check size={14} aria-hidden /> : <Copy size={14} aria-hidden />}
      <span aria-live="polite">
        {said === 'copied' ? 'Copied' : said === 'failed' ? 'Not allowed to copy' : label}
      </span>
    </button>
  );
}

/** A small quiet button of a block's tool line. */
export function ToolButton(props: {
  onClick: () => void;
  pressed?: boolean;
  expanded?: boolean;
  children: React.ReactNode;
}) {
  return (
    <button
      type="button"
      className={styles.tool}
      onClick={props.onClick}
      aria-pressed={props.pressed}
      aria-expanded={props.expanded}
    >
      {props.children}
    </button>
  );
}

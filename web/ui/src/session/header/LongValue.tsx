import { useState } from 'react';
import { count } from '~/app/time';
import { ToolButton } from '~/content/CopyButton';
import { cut } from '~/content/chars';
import { SafeInline, SafeText } from '~/content/SafeText';
import styles from './header.module.css';

/** What a fact of the header shows by itself: a longer one would push the session out of sight. */
const VALUE_CHARS = 160;

/** A value of any length: its beginning in the line, all of it, when asked for, in a box that scrolls. */
export function LongValue({ name, text }: { name: string; text: string }) {
  const [open, setOpen] = useState(false);
  if (text.length <= VALUE_CHARS) return <SafeInline text={text} />;
  return (
    <>
      {open ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reached by keys
        <section className={styles.whole} aria-label={name} tabIndex={0}>
          <SafeText text={text} />
        </section>
      ) : (
        <SafeInline text={`${cut(text, VALUE_CHARS)}…`} />
      )}{' '}
      <ToolButton expanded={open} onClick={() => setOpen(!open)}>
        {open ? 'Show less' : `Show all ${count(text.length)} characters`}
      </ToolButton>
    </>
  );
}

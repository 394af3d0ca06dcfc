import { ChevronRight } from 'lucide-react';
import { useState } from 'react';
import { count } from '~/app/time';
import { SafeInline, ShowNext } from '~/content/SafeText';
import styles from './context.module.css';
import { Parts } from './Parts';
import type { RequestMessage } from './request';

/** Messages whose lines are laid out at once; the last ones first, they are what is new. */
const LINES = 100;

export interface MessageListProps {
  messages: RequestMessage[];
  /** How many of the last ones are open at first. */
  open: number;
  find: string | undefined;
}

/** The messages of a request, one line each until opened. */
export function MessageList({ messages, open, find }: MessageListProps) {
  const [shown, setShown] = useState(LINES);
  const hidden = Math.max(messages.length - shown, 0);
  if (messages.length === 0) return <p className={styles.quiet}>None.</p>;
  return (
    <>
      {hidden > 0 && (
        <ShowNext
          next={Math.min(LINES, hidden)}
          of={hidden}
          unit="earlier messages"
          onShow={() => setShown(shown + LINES)}
        />
      )}
      <ol className={styles.messages}>
        {messages.slice(hidden).map((message, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a request may say the same twice; its place is a message's name.
          <li key={hidden + at}>
            <Message message={message} open={hidden + at >= messages.length - open} find={find} />
          </li>
        ))}
      </ol>
    </>
  );
}

function Message({
  message,
  open,
  find,
}: {
  message: RequestMessage;
  open: boolean;
  find: string | undefined;
}) {
  const [isOpen, setOpen] = useState(open);
  return (
    <div className={styles.message} data-role={message.role}>
      <button
        type="button"
        className={styles.messageHead}
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        <ChevronRight size={14} aria-hidden className={styles.arrow} />
        <span className={styles.role}>
          <SafeInline text={message.role} />
        </span>
        {!isOpen && (
          <span className={styles.preview}>
            <SafeInline text={message.preview} find={find} />
          </span>
        )}
        <span className={styles.size}>{count(message.size)}</span>
      </button>
      {isOpen && (
        <div className={styles.messageBody}>
          <Parts parts={message.parts} find={find} />
        </div>
      )}
    </div>
  );
}

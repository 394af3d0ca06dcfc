import { useMemo, useState } from 'react';
import { count } from '~/app/time';
import { cut, isPlain, runs } from './chars';
import { TEXT_PIECE_CHARS } from './limits';
import { finder, parts } from './marks';
import styles from './SafeText.module.css';

/** Where the rest of a text comes from that the server did not send whole. */
export interface Rest {
  /** Characters of the whole text. */
  total: number;
  loading: boolean;
  loadMore: () => void;
  /** Why the last piece did not come. */
  error?: string | undefined;
}

export interface SafeTextProps {
  text: string;
  /** Words to mark, whatever their case. */
  find?: string | undefined;
  /** Set when the text goes on at the server. */
  rest?: Rest | undefined;
  mono?: boolean;
  /** Characters shown at first and added by each step. */
  piece?: number;
}

/**
 * Any text, as data: nothing in it can hide, reorder other text, or make the page slow. Each line finds its own
 * direction.
 */
export function SafeText({ text, find, rest, mono = false, piece = TEXT_PIECE_CHARS }: SafeTextProps) {
  const [shown, setShown] = useState(piece);
  const visible = cut(text, shown);
  const total = Math.max(rest?.total ?? 0, text.length);
  const more = () => {
    setShown(shown + piece);
    if (shown + piece > text.length && text.length < total) rest?.loadMore();
  };
  return (
    <>
      <div className={mono ? `${styles.text} ${styles.mono}` : styles.text} dir="auto">
        <Chars text={visible} find={find} />
      </div>
      {visible.length < total && (
        <ShowNext
          next={Math.min(piece, total - visible.length)}
          of={total - visible.length}
          loading={rest?.loading ?? false}
          error={rest?.error}
          onShow={more}
        />
      )}
    </>
  );
}

export function ShowNext(props: {
  next: number;
  of: number;
  unit?: string;
  loading?: boolean;
  error?: string | undefined;
  onShow: () => void;
}) {
  const unit = props.unit ?? 'characters';
  return (
    <div className={styles.more}>
      <button type="button" className="button" disabled={props.loading} onClick={props.onShow}>
        {props.loading
          ? 'Loading…'
          : props.next < props.of
            ? `Show next ${count(props.next)} of ${count(props.of)} more ${unit}`
            : `Show ${count(props.of)} more ${unit}`}
      </button>
      {props.error !== undefined && <span role="alert">{props.error}</span>}
    </div>
  );
}

/** A short text inside a line; its direction touches nothing around it. */
export function SafeInline({ text, find }: { text: string; find?: string | undefined }) {
  return (
    <bdi className={styles.inline}>
      <Chars text={text} find={find} />
    </bdi>
  );
}

/** The characters themselves: hidden ones as chips, found words marked. For use inside an element of one's own. */
export function Chars({ text, find }: { text: string; find?: string | undefined }) {
  const words = useMemo(() => finder(find), [find]);
  if (words === undefined && isPlain(text)) return text;
  let at = 0;
  return runs(text).map((run) => {
    const key = at++;
    return 'text' in run ? <Marked key={key} text={run.text} words={words} /> : <Chip key={key} {...run} />;
  });
}

function Marked({ text, words }: { text: string; words: RegExp | undefined }) {
  if (!words) return text;
  let at = 0;
  return parts(text, words).map((part) => {
    at += part.text.length;
    return part.marked ? <mark key={at}>{part.text}</mark> : part.text;
  });
}

/** A small label that stands for something not to be shown itself. */
export function Chip({ chip, title }: { chip: string; title: string }) {
  return (
    <span className={styles.chip} title={title}>
      {chip}
    </span>
  );
}

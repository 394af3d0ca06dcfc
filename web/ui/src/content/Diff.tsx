import { useMemo, useState } from 'react';
import { count } from '~/app/time';
import { Block } from './CodeBlock';
import { CopyButton } from './CopyButton';
import styles from './Diff.module.css';
import { DIFF_LINES } from './limits';
import { compared, oneSided, type Row, type Section, sections } from './lineDiff';
import type { FilePatch, Hunk, Patch } from './patch';
import { Chars, SafeInline, SafeText, ShowNext } from './SafeText';

/** The change of one text to another: an edit of a file, or a part of what a model saw. */
export function EditDiff(props: {
  /** The file, or what else was changed. */
  path: string;
  before: string;
  after: string;
  /** A file that was written whole: all of it is new as far as is known. */
  written?: boolean;
  find?: string | undefined;
}) {
  const { path, before, after, written = false } = props;
  const { hunk, uncompared } = useMemo(() => edit(before, after), [before, after]);
  const file: FilePatch = { path, action: 'changed', hunks: [hunk] };
  return (
    <FileDiff
      file={file}
      label={written ? 'written' : undefined}
      note={
        uncompared ? 'Too long or too different to compare: all of the old, then all of the new.' : undefined
      }
      copy={() => after}
      find={props.find}
    />
  );
}

function edit(before: string, after: string): { hunk: Hunk; uncompared: boolean } {
  const lines = before === '' ? oneSided(after, '+') : compared(before, after);
  return {
    hunk: { place: '', lines: lines ?? [...oneSided(before, '-'), ...oneSided(after, '+')] },
    uncompared: lines === undefined,
  };
}

/** A patch, file by file; lines that are no part of it stand below, as they are. */
export function PatchDiff({ patch, find }: { patch: Patch; find?: string | undefined }) {
  const [shown, setShown] = useState(FILES);
  return (
    <div className={styles.files}>
      {patch.files.slice(0, shown).map((file, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a patch may name a file twice.
        <FileDiff key={at} file={file} copy={() => asText(file)} find={find} />
      ))}
      {patch.files.length > shown && (
        <ShowNext
          next={Math.min(FILES, patch.files.length - shown)}
          of={patch.files.length - shown}
          unit="files"
          onShow={() => setShown(shown + FILES)}
        />
      )}
      {patch.strays.length > 0 && (
        <Block label="not part of the patch">
          <SafeText text={patch.strays.join('\n')} mono find={find} />
        </Block>
      )}
    </div>
  );
}

/** Files of a patch shown at once. */
const FILES = 30;

const asText = (file: FilePatch): string =>
  file.hunks.flatMap((hunk) => hunk.lines.map((line) => line.sign + line.text)).join('\n');

function FileDiff(props: {
  file: FilePatch;
  label?: string | undefined;
  note?: string | undefined;
  copy: () => string;
  find?: string | undefined;
}) {
  const { file, find } = props;
  const [shown, setShown] = useState(DIFF_LINES);
  const parts = useMemo(() => file.hunks.flatMap(sections), [file.hunks]);
  const lines = file.hunks.flatMap((hunk) => hunk.lines);
  const added = lines.filter((line) => line.sign === '+').length;
  const removed = lines.filter((line) => line.sign === '-').length;
  const total = parts.reduce((sum, part) => sum + ('rows' in part ? part.rows.length : 1), 0);
  return (
    <Block
      label={
        <span className={styles.head}>
          {file.from !== undefined && (
            <>
              <SafeInline text={file.from} find={find} /> →{' '}
            </>
          )}
          <strong>
            <SafeInline text={file.path} find={find} />
          </strong>{' '}
          <span className={styles.action}>{props.label ?? file.action}</span>{' '}
          <span className={styles.plus}>+{count(added)}</span>{' '}
          <span className={styles.minus}>−{count(removed)}</span>
        </span>
      }
      tools={<CopyButton text={props.copy} />}
    >
      {props.note !== undefined && <p className={styles.note}>{props.note}</p>}
      {total === 0 ? (
        <p className={styles.note}>No lines.</p>
      ) : (
        <table className={styles.table}>
          <Sections parts={limited(parts, shown)} find={find} />
        </table>
      )}
      {total > shown && (
        <ShowNext
          next={Math.min(DIFF_LINES, total - shown)}
          of={total - shown}
          unit="lines"
          onShow={() => setShown(shown + DIFF_LINES)}
        />
      )}
    </Block>
  );
}

/** The beginning of a diff; a fold counts as one line. */
function limited(parts: Section[], lines: number): Section[] {
  const found: Section[] = [];
  let left = lines;
  for (const part of parts) {
    if (left <= 0) break;
    found.push(
      'rows' in part && part.rows.length > left ? { ...part, rows: part.rows.slice(0, left) } : part,
    );
    left -= 'rows' in part ? part.rows.length : 1;
  }
  return found;
}

function Sections({ parts, find }: { parts: Section[]; find: string | undefined }) {
  return parts.map((part, at) => {
    const key = `${at}`;
    return 'folded' in part ? (
      <Folded key={key} rows={part.folded} find={find} />
    ) : (
      <tbody key={key}>
        {(part.place !== '' || at > 0) && !afterFold(parts, at) && (
          <tr className={styles.place}>
            <td colSpan={4}>
              @@ <SafeInline text={part.place} find={find} />
            </td>
          </tr>
        )}
        <Rows rows={part.rows} find={find} />
      </tbody>
    );
  });
}

const afterFold = (parts: Section[], at: number): boolean => {
  const before = parts[at - 1];
  return before !== undefined && 'folded' in before;
};

function Folded({ rows, find }: { rows: Row[]; find: string | undefined }) {
  const [shown, setShown] = useState(0);
  const more = Math.min(DIFF_LINES, rows.length - shown);
  return (
    <tbody>
      <Rows rows={rows.slice(0, shown)} find={find} />
      {more > 0 && (
        <tr className={styles.place}>
          <td colSpan={4}>
            <button type="button" className={styles.unfold} onClick={() => setShown(shown + more)}>
              {count(rows.length - shown)} unchanged lines
            </button>
          </td>
        </tr>
      )}
    </tbody>
  );
}

function Rows({ rows, find }: { rows: Row[]; find: string | undefined }) {
  return rows.map((row, at) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other name.
    <tr key={at} className={row.sign === '+' ? styles.added : row.sign === '-' ? styles.removed : undefined}>
      <td className={styles.number}>{row.oldLine}</td>
      <td className={styles.number}>{row.newLine}</td>
      <td className={styles.sign}>{row.sign === '-' ? '−' : row.sign}</td>
      <td className={styles.text} dir="auto">
        <LineText row={row} find={find} />
      </td>
    </tr>
  ));
}

/** Longest line laid out whole. */
const LINE_CHARS = 10_000;

function LineText({ row, find }: { row: Row; find: string | undefined }) {
  if (row.words) {
    return row.words.map((part, at) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: words have no other name.
      <span key={at} className={part.changed ? styles.word : undefined}>
        <Chars text={part.text} find={find} />
      </span>
    ));
  }
  if (row.text.length <= LINE_CHARS) return <Chars text={row.text} find={find} />;
  return <SafeText text={row.text} find={find} piece={LINE_CHARS} />;
}

import { CopyButton } from '~/content/CopyButton';
import { Images } from '~/content/Images';
import { SafeInline, SafeText } from '~/content/SafeText';
import { Terminal } from '~/content/Terminal';
import { commandOf, folderOf } from '../callArguments';
import styles from '../cards.module.css';
import { usePieces } from '../load';
import { commandOutcome, resultText } from '../outcome';
import { OtherParameters } from './OtherParameters';
import { NoResult, Result } from './Result';
import type { ToolBodyProps } from './types';

/** Arguments that the command's own lines show. */
const SHOWN = [
  'command',
  'cmd',
  'script',
  'chars',
  'description',
  'workdir',
  'cwd',
  'working_directory',
  'directory',
  'dir_path',
  'action',
];

/** A command line and what it wrote. */
export function CommandBody(props: ToolBodyProps) {
  const { event, args, find } = props;
  const command = commandOf(args, event) ?? '';
  const folder = folderOf(args);
  return (
    <>
      <div className={styles.command}>
        {folder !== undefined && (
          <span className={styles.folder} title="Folder that the command runs in">
            <SafeInline text={folder} find={find} />
          </span>
        )}
        <span className={styles.promptSign} aria-hidden>
          $
        </span>
        <div className={styles.commandText}>
          <SafeText text={command} mono find={find} />
        </div>
        <CopyButton text={() => command} />
      </div>
      <OtherParameters args={args} shown={SHOWN} find={find} />
      <CommandOutput {...props} />
    </>
  );
}

/** What a command wrote, without what the agent wrote around it. */
export function CommandOutput(props: ToolBodyProps) {
  const { event, find, load } = props;
  const sent = resultText(event.result);
  const { text, rest } = usePieces(event, '/result', sent ?? '');
  if (event.result === undefined || event.result === null) return <NoResult event={event} />;
  // Of an object that was not cut, its own fields tell more than its text.
  const { output, around } = commandOutcome(rest || typeof event.result === 'string' ? text : event.result);
  if (sent === undefined && output === '') return <Result {...props} />;
  return (
    <>
      <Images value={event.result} label="Image from a command" load={load} />
      {around.length > 0 && (
        <p className={styles.quiet}>
          <SafeInline text={around.join(' · ')} find={find} />
        </p>
      )}
      {output === '' ? (
        <p className={styles.quiet}>No output.</p>
      ) : (
        <Terminal text={output} label="output" find={find} rest={rest} />
      )}
    </>
  );
}

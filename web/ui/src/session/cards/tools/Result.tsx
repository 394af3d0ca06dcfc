import type { ReactNode } from 'react';
import { isTerminalText } from '~/content/ansi';
import { CodeBlock } from '~/content/CodeBlock';
import { Images } from '~/content/Images';
import { JsonView } from '~/content/JsonView';
import { isObject, parsedJson } from '~/content/json';
import { Markdown } from '~/content/Markdown';
import { SafeInline } from '~/content/SafeText';
import { Terminal } from '~/content/Terminal';
import styles from '../cards.module.css';
import { usePieces } from '../load';
import { isAllTextOrImages, resultText } from '../outcome';
import type { ToolBodyProps } from './types';

/** What the model was given for a call: text, terminal output, JSON or images, as it is. */
export function Result({
  event,
  find,
  load,
  label = 'result',
  markdown = false,
}: ToolBodyProps & { label?: ReactNode; markdown?: boolean }) {
  const { result } = event;
  const sent = resultText(result) ?? '';
  const { text, rest } = usePieces(event, '/result', sent);
  if (result === undefined || result === null) return <NoResult event={event} />;
  if (sent === '' && isEmpty(result)) return <p className={styles.quiet}>The result is empty.</p>;
  const parsed = rest ? undefined : parsedJson(text);
  const images = <Images value={result} label={`Image from ${event.tool.name}`} load={load} />;
  if (sent === '' && isAllTextOrImages(result)) return images;
  if (sent === '' || parsed !== undefined) {
    return (
      <>
        {images}
        <JsonView value={parsed ?? result} label={label} find={find} />
      </>
    );
  }
  return (
    <>
      {images}
      {markdown ? (
        <Markdown text={text} find={find} rest={rest} />
      ) : !rest && isShort(text) ? (
        <ShortResult label={label} text={text} find={find} />
      ) : isTerminalText(text) ? (
        <Terminal text={text} label={label} find={find} rest={rest} />
      ) : (
        <CodeBlock text={text} label={label} find={find} rest={rest} />
      )}
      {!isAllTextOrImages(result) && (
        <JsonView value={result} label={`${event.tool.name}: the whole result`} find={find} open={1} />
      )}
    </>
  );
}

function ShortResult(props: { label: ReactNode; text: string; find: string | undefined }) {
  return (
    <p className={styles.parameters}>
      <span>
        <span className={styles.parameterName}>{props.label}</span>{' '}
        <SafeInline text={props.text} find={props.find} />
      </span>
    </p>
  );
}

/** Whether a result fits a line and needs no frame. */
const isShort = (text: string): boolean =>
  text.length <= SHORT_CHARS && !text.trimEnd().includes('\n') && !isTerminalText(text);

/** Longest result that is shown in a line. */
const SHORT_CHARS = 200;

function isEmpty(result: unknown): boolean {
  if (typeof result === 'string') return result === '';
  return Array.isArray(result)
    ? result.every((block) => isObject(block) && block.text === '')
    : isObject(result) && Object.keys(result).length === 0;
}

export function NoResult({ event }: { event: ToolBodyProps['event'] }) {
  const running = event.status === 'running' || event.status === 'requested';
  return <p className={styles.quiet}>{running ? 'No result yet.' : 'No result was recorded.'}</p>;
}

import { CodeBlock } from '~/content/CodeBlock';
import { Images } from '~/content/Images';
import { JsonView } from '~/content/JsonView';
import { SafeInline, SafeText } from '~/content/SafeText';
import { isAllText, resultText } from '../cards/outcome';
import styles from './context.module.css';
import type { Part } from './request';

/** The parts of a message, each as the model was given it. */
export function Parts({ parts, find }: { parts: Part[]; find: string | undefined }) {
  return parts.map((part, at) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: parts have no other name.
    <div key={at} className={styles.part}>
      <PartView part={part} find={find} />
    </div>
  ));
}

function PartView({ part, find }: { part: Part; find: string | undefined }) {
  switch (part.kind) {
    case 'text':
      return <SafeText text={part.text} mono find={find} />;
    case 'thinking':
      return (
        <div className={styles.thinking}>
          <p className={styles.label}>thinking</p>
          <SafeText text={part.text} mono find={find} />
        </div>
      );
    case 'call':
      return typeof part.input === 'string' ? (
        <CodeBlock text={part.input} label={<Call {...part} />} find={find} />
      ) : (
        <JsonView value={part.input ?? null} label={<Call {...part} />} find={find} />
      );
    case 'result':
      return <ResultPart part={part} find={find} />;
    case 'image':
      return <Images value={part.value} label="Image that the model saw" />;
    case 'other':
      return <JsonView value={part.value} label={<SafeInline text={part.type} />} find={find} open={1} />;
  }
}

function Call({ name, id }: { name: string; id?: string | undefined }) {
  return (
    <>
      tool call <strong>{<SafeInline text={name} />}</strong> {id !== undefined && <SafeInline text={id} />}
    </>
  );
}

function ResultPart({ part, find }: { part: Extract<Part, { kind: 'result' }>; find: string | undefined }) {
  const label = (
    <>
      tool result{part.failed && <strong className={styles.failed}> failed</strong>}{' '}
      {part.id !== undefined && <SafeInline text={part.id} />}
    </>
  );
  const text = resultText(part.content);
  return (
    <>
      {text !== undefined && <CodeBlock text={text} label={label} find={find} />}
      <Images value={part.content} label="Image in a tool result" />
      {(text === undefined || !isAllText(part.content)) && (
        <JsonView value={part.content ?? null} label={label} find={find} open={1} />
      )}
    </>
  );
}

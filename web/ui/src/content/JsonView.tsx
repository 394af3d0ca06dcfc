import { ChevronRight } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { count } from '~/app/time';
import { Block } from './CodeBlock';
import { CopyButton, ToolButton } from './CopyButton';
import styles from './JsonView.module.css';
import { entries, jsonText } from './json';
import { JSON_CHILDREN, JSON_DEPTH, JSON_STRING_CHARS } from './limits';
import { Chars, SafeInline, SafeText, ShowNext } from './SafeText';

export interface JsonViewProps {
  value: unknown;
  label?: ReactNode;
  find?: string | undefined;
  /** Levels that are open at first. */
  open?: number;
}

/** A JSON value as a tree. Only what is open is laid out, so its size costs nothing until a reader opens it. */
export function JsonView({ value, label, find, open = 2 }: JsonViewProps) {
  const [raw, setRaw] = useState(false);
  return (
    <Block
      label={label}
      tools={
        <>
          <ToolButton pressed={raw} onClick={() => setRaw(!raw)}>
            Raw
          </ToolButton>
          <CopyButton text={() => jsonText(value)} label="Copy JSON" />
        </>
      }
    >
      {raw ? (
        <SafeText text={jsonText(value)} mono find={find} />
      ) : (
        <div className={styles.tree}>
          <Node value={value} find={find} level={0} open={open} />
        </div>
      )}
    </Block>
  );
}

interface NodeProps {
  name?: string | undefined;
  value: unknown;
  find: string | undefined;
  level: number;
  open: number;
}

function Node(props: NodeProps) {
  const { name, value, find } = props;
  if (typeof value === 'object' && value !== null) return <Branch {...props} value={value} />;
  return (
    <div className={styles.leaf}>
      <Name name={name} find={find} />
      <Leaf value={value} find={find} />
    </div>
  );
}

function Name({ name, find }: { name: string | undefined; find: string | undefined }) {
  if (name === undefined) return null;
  return (
    <span className={styles.name}>
      <SafeInline text={name} find={find} />:{' '}
    </span>
  );
}

function Leaf({ value, find }: { value: unknown; find: string | undefined }) {
  if (typeof value !== 'string') return <span className={styles[kindOf(value)]}>{String(value)}</span>;
  // Lines and long texts are for reading: as they are, not escaped into one line.
  if (value.includes('\n') || value.length > JSON_STRING_CHARS) {
    return (
      <div className={styles.long}>
        <SafeText text={value} mono find={find} piece={JSON_STRING_CHARS} />
      </div>
    );
  }
  return (
    <bdi className={styles.string}>
      “<Chars text={value} find={find} />”
    </bdi>
  );
}

function kindOf(value: unknown): 'number' | 'word' {
  return typeof value === 'number' ? 'number' : 'word';
}

function Branch({ name, value, find, level, open }: NodeProps & { value: object }) {
  const [isOpen, setOpen] = useState(level < open);
  const [shown, setShown] = useState(JSON_CHILDREN);
  const size = Array.isArray(value) ? value.length : Object.keys(value).length;
  const [left, right] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  if (size === 0) {
    return (
      <div className={styles.leaf}>
        <Name name={name} find={find} />
        <span className={styles.faint}>
          {left}
          {right}
        </span>
      </div>
    );
  }
  if (level >= JSON_DEPTH) return <Leaf value={jsonText(value)} find={find} />;
  return (
    <div>
      <button type="button" className={styles.branch} aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <ChevronRight size={12} aria-hidden className={styles.arrow} />
        <Name name={name} find={find} />
        <span className={styles.faint}>
          {left} {count(size)} {itemWord(value, size)} {right}
        </span>
      </button>
      {isOpen && (
        <ul className={styles.members}>
          {entries(value)
            .slice(0, shown)
            .map(([key, member]) => (
              <li key={key}>
                <Node name={key} value={member} find={find} level={level + 1} open={open} />
              </li>
            ))}
          {size > shown && (
            <li>
              <ShowNext
                next={Math.min(JSON_CHILDREN, size - shown)}
                of={size - shown}
                unit="items"
                onShow={() => setShown(shown + JSON_CHILDREN)}
              />
            </li>
          )}
        </ul>
      )}
    </div>
  );
}

function itemWord(value: object, size: number): string {
  if (Array.isArray(value)) return size === 1 ? 'item' : 'items';
  return size === 1 ? 'field' : 'fields';
}

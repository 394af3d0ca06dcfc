import { type ReactNode, useState } from 'react';
import styles from './CodeBlock.module.css';
import { CopyButton, ToolButton } from './CopyButton';
import { type Rest, SafeText } from './SafeText';

/** A frame of text as it stands: a line of label and tools, then the content. */
export function Block(props: { label?: ReactNode; tools?: ReactNode; children: ReactNode; wrap?: boolean }) {
  return (
    <div className={styles.block}>
      {(props.label !== undefined || props.tools !== undefined) && (
        <div className={styles.head}>
          <span className={styles.label}>{props.label}</span>
          <span className={styles.tools}>{props.tools}</span>
        </div>
      )}
      <div
        className={props.wrap === false ? `${styles.body} ${styles.scroll}` : styles.body}
        tabIndex={props.wrap === false ? 0 : undefined}
      >
        {props.children}
      </div>
    </div>
  );
}

export interface CodeBlockProps {
  text: string;
  label?: ReactNode;
  find?: string | undefined;
  rest?: Rest | undefined;
  tools?: ReactNode;
}

/** Text in a fixed-width face, with copying and a choice of wrapping. */
export function CodeBlock({ text, label, find, rest, tools }: CodeBlockProps) {
  const [wrap, setWrap] = useState(true);
  return (
    <Block
      label={label}
      wrap={wrap}
      tools={
        <>
          {tools}
          <ToolButton pressed={wrap} onClick={() => setWrap(!wrap)}>
            Wrap
          </ToolButton>
          <CopyButton text={() => text} />
        </>
      }
    >
      <SafeText text={text} mono find={find} rest={rest} />
    </Block>
  );
}

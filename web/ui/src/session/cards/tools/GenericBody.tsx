import { CodeBlock } from '~/content/CodeBlock';
import { Images } from '~/content/Images';
import { JsonView } from '~/content/JsonView';
import { isObject } from '~/content/json';
import styles from '../cards.module.css';
import { usePieces } from '../load';
import { Result } from './Result';
import type { ToolBodyProps } from './types';

/** Parameters and response of any tool. */
export function GenericBody(props: ToolBodyProps) {
  return (
    <>
      <Parameters {...props} />
      <Images value={props.args} label={`Image given to ${props.event.tool.name}`} load={props.load} />
      <Result {...props} />
    </>
  );
}

/** The arguments of a call as a tree, or as text where they are text. */
export function Parameters({ event, args, find }: ToolBodyProps) {
  const sent = typeof args === 'string' ? args : '';
  const { text, rest } = usePieces(event, '/arguments', sent);
  if (typeof args === 'string' && args !== '')
    return <CodeBlock text={text} label="parameters" find={find} rest={rest} />;
  if (
    args === undefined ||
    args === null ||
    args === '' ||
    (isObject(args) && Object.keys(args).length === 0)
  ) {
    return <p className={styles.quiet}>No parameters.</p>;
  }
  return <JsonView value={args} label="parameters" find={find} />;
}

import { CodeBlock } from '~/content/CodeBlock';
import { usePieces } from '../load';
import { CommandOutput } from './CommandBody';
import { GenericBody } from './GenericBody';
import type { ToolBodyProps } from './types';

/** A script that the model wrote and the agent ran: Codex's script mode, code interpreters. */
export function ScriptBody(props: ToolBodyProps) {
  const { event, args, find } = props;
  const { text, rest } = usePieces(event, '/arguments', typeof args === 'string' ? args : '');
  if (typeof args !== 'string') return <GenericBody {...props} />;
  return (
    <>
      <CodeBlock text={text} label="script" find={find} rest={rest} />
      <CommandOutput {...props} />
    </>
  );
}

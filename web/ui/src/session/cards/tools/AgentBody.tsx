import { stringAt } from '~/content/json';
import { Markdown } from '~/content/Markdown';
import styles from '../cards.module.css';
import { GenericBody } from './GenericBody';
import { OtherParameters } from './OtherParameters';
import { Result } from './Result';
import type { ToolBodyProps } from './types';

const PROMPTS = ['prompt', 'message', 'task', 'objective', 'instructions'];

/** Work given to a subagent: its prompt, and what it gave back. */
export function AgentBody(props: ToolBodyProps) {
  const { args, find } = props;
  const prompt = stringAt(args, ...PROMPTS);
  if (prompt === undefined) return <GenericBody {...props} />;
  return (
    <>
      <OtherParameters args={args} shown={PROMPTS} find={find} />
      <p className={styles.part}>Prompt</p>
      <Markdown text={prompt} find={find} />
      <p className={styles.part}>What came back</p>
      <Result {...props} markdown />
    </>
  );
}

import { CircleCheck, CircleDashed, CircleDot } from 'lucide-react';
import { isObject, stringAt } from '~/content/json';
import { SafeInline } from '~/content/SafeText';
import styles from '../cards.module.css';
import { GenericBody } from './GenericBody';
import { Result } from './Result';
import type { ToolBodyProps } from './types';

interface Step {
  text: string;
  state: 'completed' | 'in_progress' | 'pending';
}

/** The steps of a plan, in the words of Claude Code (`todos`), Codex (`plan`) and others. */
export function stepsOf(args: unknown): Step[] | undefined {
  if (!isObject(args)) return undefined;
  const list = args.todos ?? args.plan ?? args.items ?? args.tasks;
  if (!Array.isArray(list)) return undefined;
  const steps = list.flatMap((entry): Step[] => {
    const text = stringAt(entry, 'content', 'step', 'text', 'title', 'description');
    const state = stringAt(entry, 'status');
    if (text === undefined) return [];
    return [{ text, state: state === 'completed' || state === 'in_progress' ? state : 'pending' }];
  });
  return steps.length === list.length ? steps : undefined;
}

const STATES = {
  completed: { Icon: CircleCheck, word: 'done' },
  in_progress: { Icon: CircleDot, word: 'in progress' },
  pending: { Icon: CircleDashed, word: 'to do' },
};

/** A plan as a checklist. */
export function PlanBody(props: ToolBodyProps) {
  const { args, find } = props;
  const steps = stepsOf(args);
  if (!steps) return <GenericBody {...props} />;
  const why = stringAt(args, 'explanation');
  return (
    <>
      {why !== undefined && why !== '' && (
        <p>
          <SafeInline text={why} find={find} />
        </p>
      )}
      <ul className={styles.plan}>
        {steps.map((step, at) => {
          const { Icon, word } = STATES[step.state];
          return (
            // biome-ignore lint/suspicious/noArrayIndexKey: steps have no other name.
            <li key={at} data-state={step.state}>
              <Icon size={16} role="img" aria-label={word} />
              <SafeInline text={step.text} find={find} />
            </li>
          );
        })}
      </ul>
      <Result {...props} />
    </>
  );
}

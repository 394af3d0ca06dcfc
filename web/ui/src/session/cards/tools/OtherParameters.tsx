import { JsonView } from '~/content/JsonView';
import { SafeInline } from '~/content/SafeText';
import { others } from '../callArguments';
import styles from '../cards.module.css';

/** Longest value that stands in a line with others. */
const SHORT_CHARS = 120;

/** The arguments that a body does not show otherwise: in one line while they are short. */
export function OtherParameters(props: { args: unknown; shown: string[]; find: string | undefined }) {
  const rest = others(props.args, props.shown);
  if (!rest) return null;
  const members = Object.entries(rest);
  const short = members.every(
    ([, value]) => typeof value !== 'object' && String(value).length <= SHORT_CHARS,
  );
  if (!short) return <JsonView value={rest} label="other parameters" find={props.find} open={1} />;
  return (
    <p className={styles.parameters}>
      {members.map(([name, value]) => (
        <span key={name}>
          <span className={styles.parameterName}>
            <SafeInline text={name} find={props.find} />
          </span>{' '}
          <SafeInline text={String(value)} find={props.find} />
        </span>
      ))}
    </p>
  );
}

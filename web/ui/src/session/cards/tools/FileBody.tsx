import { JsonView } from '~/content/JsonView';
import { stringAt } from '~/content/json';
import { SafeInline } from '~/content/SafeText';
import { others, pathOf } from '../callArguments';
import styles from '../cards.module.css';
import { Result } from './Result';
import type { ToolBodyProps } from './types';

const PATHS = [
  'file_path',
  'filePath',
  'path',
  'absolute_path',
  'filename',
  'notebook_path',
  'dir_path',
  'target_file',
];
const SOUGHT = ['pattern', 'query', 'glob'];

/** Reading, listing and searching files: what was asked in one line, and the text that came. */
export function FileBody(props: ToolBodyProps) {
  const { args, find } = props;
  const sought = stringAt(args, ...SOUGHT);
  const path = pathOf(args);
  const rest = others(args, [...PATHS, ...SOUGHT]);
  return (
    <>
      <p className={styles.asked}>
        {sought !== undefined && (
          <code>
            <SafeInline text={sought} find={find} />
          </code>
        )}
        {sought !== undefined && path !== undefined && ' in '}
        {path !== undefined && (
          <code>
            <SafeInline text={path} find={find} />
          </code>
        )}
        {rest && Object.values(rest).every((value) => typeof value !== 'object') && (
          <span className={styles.quiet}>
            {' '}
            <SafeInline
              text={Object.entries(rest)
                .map(([name, value]) => `${name}: ${value}`)
                .join(', ')}
              find={find}
            />
          </span>
        )}
      </p>
      {rest && Object.values(rest).some((value) => typeof value === 'object') && (
        <JsonView value={rest} label="other parameters" find={find} />
      )}
      <Result {...props} />
    </>
  );
}

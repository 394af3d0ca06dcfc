import { stringAt } from '~/content/json';
import { SafeInline } from '~/content/SafeText';
import { pathOf } from '../callArguments';
import styles from '../cards.module.css';
import { OtherParameters } from './OtherParameters';
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
      </p>
      <OtherParameters args={args} shown={[...PATHS, ...SOUGHT]} find={find} />
      <Result {...props} />
    </>
  );
}

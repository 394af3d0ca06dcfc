import { Fragment } from 'react';
import type { Usage } from '~/api/types';
import { tokenLines, tokenParts } from '~/sessions/usage';
import styles from './Tokens.module.css';

/** Tokens of a call, a turn or a session; nothing where none were told. */
export function Tokens({ usage }: { usage: Usage | null | undefined }) {
  const parts = tokenParts(usage);
  if (!usage || parts.length === 0) return null;
  return (
    <span className={styles.tokens} title={tokenLines(usage).join('\n')}>
      {parts.map(({ figure, word }) => (
        <Fragment key={word}>
          <span>
            {figure} {word}
          </span>{' '}
        </Fragment>
      ))}
    </span>
  );
}

import type { ReactNode } from 'react';
import { destination, tellsHost } from './links';
import styles from './SafeLink.module.css';

/**
 * A link of content. It opens only web and mail addresses, away from the desk, and says where it leads whenever its
 * words do not; everything else stays text with its target beside it.
 */
export function SafeLink({
  target,
  words,
  children,
}: {
  target: string;
  words: string;
  children: ReactNode;
}) {
  const to = destination(target);
  if ('inert' in to) {
    return (
      <span className={styles.inert} title="Not a web address: shown as text">
        {children}
        {to.inert !== words.trim() && to.inert !== '' && <code className={styles.target}>{to.inert}</code>}
      </span>
    );
  }
  return (
    <>
      <a href={to.href} title={to.href} target="_blank" rel="noopener noreferrer nofollow">
        {children}
      </a>
      {!tellsHost(words, to) && <bdi className={styles.host}>{to.host}</bdi>}
    </>
  );
}

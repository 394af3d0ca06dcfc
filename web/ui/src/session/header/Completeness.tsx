import { Popover } from '@base-ui/react/popover';
import { CircleAlert, CircleCheck } from 'lucide-react';
import type { Session } from '~/api/types';
import { plainly } from '~/content/chars';
import { SafeInline } from '~/content/SafeText';
import { gapWords } from '~/sessions/gapWords';
import { plural } from '../timeline/TurnHead';
import styles from './header.module.css';

/** Whether anything is known to be missing, and what. */
export function Completeness({ completeness }: { completeness: Session['completeness'] }) {
  const { complete, gaps } = completeness;
  if (complete) {
    return (
      <span className={styles.complete} title="Nothing is known to be missing">
        <CircleCheck size={12} aria-hidden /> complete
      </span>
    );
  }
  return (
    <Popover.Root>
      <Popover.Trigger className={styles.gaps}>
        <CircleAlert size={12} aria-hidden /> {plural(gaps.length, 'gap')}
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Positioner align="start" sideOffset={6} className={styles.positioner}>
          <Popover.Popup className={styles.popover}>
            <Popover.Title className={styles.popoverTitle}>What is missing</Popover.Title>
            <ul className={styles.gapList}>
              {gaps.map((gap, at) => {
                const { head, detail } = gapWords(gap);
                return (
                  // biome-ignore lint/suspicious/noArrayIndexKey: two gaps may be equal in all
                  <li key={at}>
                    <div className={styles.gapHead}>
                      <span>{plainly(head)}</span>
                      <code>{gap.channel}</code>
                    </div>
                    <div dir="auto">
                      <SafeInline text={detail} />
                    </div>
                  </li>
                );
              })}
            </ul>
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  );
}

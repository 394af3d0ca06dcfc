import { Dialog } from '@base-ui/react/dialog';
import { X } from 'lucide-react';
import barStyles from './bar.module.css';
import styles from './Help.module.css';

const KEYS: readonly (readonly [keys: readonly string[], what: string])[] = [
  [['j', 'k'], 'Next, previous row'],
  [['n', 'p'], 'Next, previous turn'],
  [['e'], 'Next error'],
  [['Enter', 'Space'], 'Open or close the row'],
  [['f'], 'Follow new events'],
  [['c'], 'What the model saw, of the row'],
  [['[', ']'], 'In there: previous, next model call'],
  [['Ctrl F', '⌘ F'], 'Find in this session'],
  [['Home', 'End'], 'First, last row'],
  [['?'], 'This help'],
  [['Esc'], 'Close what is open'],
];

/** All keys of the page. */
export function Help({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Dialog.Portal>
        <Dialog.Backdrop className={styles.backdrop} />
        <Dialog.Popup className={styles.help}>
          <div className={styles.head}>
            <Dialog.Title className={styles.title}>Keys</Dialog.Title>
            <Dialog.Close className={barStyles.tool} aria-label="Close">
              <X size={15} aria-hidden />
            </Dialog.Close>
          </div>
          <dl className={styles.keys}>
            {KEYS.map(([keys, what]) => (
              <div key={what} className={styles.line}>
                <dt>
                  {keys.map((key) => (
                    <kbd key={key} className={styles.key}>
                      {key}
                    </kbd>
                  ))}
                </dt>
                <dd>{what}</dd>
              </div>
            ))}
          </dl>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

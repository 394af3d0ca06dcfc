import { Dialog } from '@base-ui/react/dialog';
import { ChevronLeft, ChevronRight } from 'lucide-react';
import { type KeyboardEvent, Suspense } from 'react';
import { clockTime } from '~/app/time';
import { ContextPanel } from '../context/ContextPanel';
import type { Call } from '../model/calls';
import styles from './ContextDrawer.module.css';

export interface ContextDrawerProps {
  sessionId: string;
  shown: Call | undefined;
  laneName: string;
  onGo: (eventId: string) => void;
  onClose: () => void;
  /** What gets the focus when it is closed; nothing: what had it before. */
  focusAfter: () => HTMLElement | undefined;
}

/** What the model saw in a call, over the page; from there to the calls before and after it. */
export function ContextDrawer({ sessionId, shown, laneName, onGo, onClose, focusAfter }: ContextDrawerProps) {
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isField(event.target)) return;
    const goal = event.key === '[' ? shown?.previous : event.key === ']' ? shown?.next : undefined;
    if (goal) onGo(goal.id);
  };
  return (
    <Dialog.Root open={shown !== undefined} onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Backdrop className={styles.backdrop} />
        <Dialog.Popup className={styles.drawer} finalFocus={() => focusAfter() ?? true} onKeyDown={onKeyDown}>
          <Dialog.Title className="visually-hidden">What the model saw</Dialog.Title>
          {shown && (
            <>
              <nav className={styles.nav} aria-label="Model calls of this lane">
                <Step to={shown.previous?.id} name="Previous call" keyName="[" onGo={onGo} />
                <Step to={shown.next?.id} name="Next call" keyName="]" onGo={onGo} />
                <span className={styles.where} dir="auto">
                  {laneName} · turn {shown.call.turn} · {clockTime(shown.call.at)}
                </span>
              </nav>
              <div className={styles.panel}>
                <Suspense>
                  <ContextPanel
                    key={shown.call.id}
                    sessionId={sessionId}
                    callId={shown.call.id}
                    {...(shown.previous ? { previousCallId: shown.previous.id } : {})}
                    onClose={onClose}
                  />
                </Suspense>
              </div>
            </>
          )}
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Step(props: { to: string | undefined; name: string; keyName: string; onGo: (id: string) => void }) {
  const { to, name, keyName, onGo } = props;
  const Icon = keyName === '[' ? ChevronLeft : ChevronRight;
  return (
    <button
      type="button"
      className="button"
      disabled={to === undefined}
      title={`${name} (${keyName})`}
      onClick={() => to !== undefined && onGo(to)}
    >
      <Icon size={14} aria-hidden />
      {name}
    </button>
  );
}

const isField = (target: EventTarget): boolean =>
  target instanceof HTMLElement && target.matches('input, textarea, select, [contenteditable]');

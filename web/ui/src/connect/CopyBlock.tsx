import { Check, Copy } from 'lucide-react';
import { useEffect, useId, useRef, useState } from 'react';
import styles from './connect.module.css';

/** How long it is told that something was copied. */
const TOLD_MS = 2500;

type State = 'idle' | 'copied' | 'selected';

const SAID: Record<State, string> = {
  idle: '',
  copied: 'Copied',
  selected: 'Selected: copy it with Ctrl+C or ⌘C',
};

/** Lines to paste, with a button that copies them. */
export function CopyBlock({ title, text }: { title: string; text: string }) {
  const code = useRef<HTMLElement>(null);
  const [state, setState] = useState<State>('idle');
  const heading = useId();

  useEffect(() => {
    if (state === 'idle') return;
    const timer = setTimeout(() => setState('idle'), TOLD_MS);
    return () => clearTimeout(timer);
  }, [state]);

  const copy = async () => setState((await copied(text)) || !code.current ? 'copied' : select(code.current));
  return (
    <div className={styles.block}>
      <div className={styles.blockHead}>
        <span id={heading}>{title}</span>
        <span className={styles.said} aria-live="polite">
          {SAID[state]}
        </span>
        <button type="button" className="button" onClick={() => void copy()} aria-describedby={heading}>
          {state === 'copied' ? <Check size={14} aria-hidden /> : <Copy size={14} aria-hidden />}
          Copy
        </button>
      </div>
      <pre>
        <code ref={code}>{text}</code>
      </pre>
    </div>
  );
}

/** Whether it worked: a page that came by plain HTTP from another machine has no clipboard. */
async function copied(text: string): Promise<boolean> {
  const clipboard = navigator.clipboard as Clipboard | undefined;
  if (!clipboard) return false;
  try {
    await clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

function select(element: HTMLElement): State {
  getSelection()?.selectAllChildren(element);
  return 'selected';
}

import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';

/** So near to the end counts as at the end: a row's last line may hide under the fold. */
const AT_END_PX = 48;

export interface Follow {
  on: boolean;
  /** Rows that came below while the reader looked elsewhere. */
  below: number;
  set(on: boolean): void;
}

/** Keeps the newest row in sight while the reader wants it. */
export function useFollow(
  scroller: RefObject<HTMLElement | null>,
  state: { active: boolean; totalSize: number; lastSeq: number },
): Follow {
  const { active, totalSize, lastSeq } = state;
  const [on, setOn] = useState(false);
  const [seen, setSeen] = useState(lastSeq);
  const following = useRef(false);

  const set = useCallback(
    (next: boolean) => {
      following.current = next;
      setOn(next);
      const element = scroller.current;
      if (next && element) element.scrollTop = element.scrollHeight;
    },
    [scroller],
  );

  // Rows grow as they are measured and as answers stream: each time the end is sought again.
  // biome-ignore lint/correctness/useExhaustiveDependencies: totalSize is what moves the end
  useLayoutEffect(() => {
    const element = scroller.current;
    if (on && element) element.scrollTop = element.scrollHeight;
    if (on) setSeen(lastSeq);
  }, [on, totalSize, lastSeq, scroller]);

  useEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const distance = () => element.scrollHeight - element.clientHeight - element.scrollTop;
    // Only the reader's own hand ends following; rows that are measured move the page too.
    const away = () => {
      if (!following.current) return;
      requestAnimationFrame(() => {
        if (distance() <= AT_END_PX) return;
        following.current = false;
        setOn(false);
      });
    };
    const atEnd = () => {
      if (distance() > AT_END_PX || element.scrollTop === 0) return;
      setSeen(lastSeq);
      if (!active || following.current) return;
      following.current = true;
      setOn(true);
    };
    element.addEventListener('wheel', away, { passive: true });
    element.addEventListener('touchmove', away, { passive: true });
    element.addEventListener('keydown', away);
    element.addEventListener('pointerdown', away);
    element.addEventListener('scroll', atEnd, { passive: true });
    return () => {
      element.removeEventListener('wheel', away);
      element.removeEventListener('touchmove', away);
      element.removeEventListener('keydown', away);
      element.removeEventListener('pointerdown', away);
      element.removeEventListener('scroll', atEnd);
    };
  }, [active, lastSeq, scroller]);

  return { on, below: Math.max(0, lastSeq - seen), set };
}

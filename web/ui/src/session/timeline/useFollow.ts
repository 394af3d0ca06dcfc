import { type RefObject, useCallback, useEffect, useMemo, useRef, useState } from 'react';

/** So near to the end counts as at the end: a row's last line may hide under the fold. */
const AT_END_PX = 48;

export interface Follow {
  on: boolean;
  /** Rows that came below while the reader looked elsewhere. */
  below: number;
  set(on: boolean): void;
  /** To be called when rows changed their sizes. */
  pin(): void;
}

/** Keeps the newest row in sight while the reader wants it. */
export function useFollow(
  scroller: RefObject<HTMLElement | null>,
  state: { active: boolean; lastSeq: number },
): Follow {
  const { active, lastSeq } = state;
  const [on, setOn] = useState(false);
  const [seen, setSeen] = useState(lastSeq);
  const following = useRef(false);

  const pin = useCallback(() => {
    const element = scroller.current;
    if (following.current && element) element.scrollTop = element.scrollHeight;
  }, [scroller]);
  const set = useCallback(
    (next: boolean) => {
      following.current = next;
      setOn(next);
      pin();
    },
    [pin],
  );
  useEffect(() => {
    if (on) setSeen(lastSeq);
  }, [on, lastSeq]);

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
      // To ask for the distance lays the page out: only where the answer counts.
      if (!active && seen === lastSeq) return;
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
  }, [active, seen, lastSeq, scroller]);

  const below = Math.max(0, lastSeq - seen);
  return useMemo(() => ({ on, below, set, pin }), [on, below, set, pin]);
}

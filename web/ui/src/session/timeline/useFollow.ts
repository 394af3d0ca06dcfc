import { type RefObject, useCallback, useEffect, useMemo, useRef, useState } from 'react';

/** So near to the end counts as at the end: a row's last line may hide under the fold. */
const AT_END_PX = 48;

/** Keys that lead up, the page's own among them. */
const UPWARD_KEYS = new Set(['ArrowUp', 'PageUp', 'Home', 'k', 'p']);

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
    const turn = (next: boolean) => {
      following.current = next;
      setOn(next);
    };
    // Only the reader's own hand ends following: rows that are measured move the page too.
    let byHand = false;
    let top = element.scrollTop;
    const onWheel = (event: WheelEvent) => {
      if (event.deltaY < 0) turn(false);
    };
    const onKeyDown = (event: KeyboardEvent) => {
      if (UPWARD_KEYS.has(event.key)) turn(false);
    };
    const hold = () => {
      byHand = true;
    };
    const letGo = () => {
      byHand = false;
    };
    const onScroll = () => {
      // To ask for the distance lays the page out: only where the answer counts.
      if (!active && seen === lastSeq && !following.current) return;
      const up = element.scrollTop < top;
      top = element.scrollTop;
      const atEnd = element.scrollHeight - element.clientHeight - top <= AT_END_PX;
      if (up && byHand && !atEnd) turn(false);
      if (up || !atEnd || top === 0) return;
      setSeen(lastSeq);
      if (active && !following.current) turn(true);
    };
    element.addEventListener('wheel', onWheel, { passive: true });
    element.addEventListener('keydown', onKeyDown);
    element.addEventListener('scroll', onScroll, { passive: true });
    element.addEventListener('pointerdown', hold);
    element.addEventListener('touchstart', hold, { passive: true });
    window.addEventListener('pointerup', letGo);
    return () => {
      element.removeEventListener('wheel', onWheel);
      element.removeEventListener('keydown', onKeyDown);
      element.removeEventListener('scroll', onScroll);
      element.removeEventListener('pointerdown', hold);
      element.removeEventListener('touchstart', hold);
      window.removeEventListener('pointerup', letGo);
    };
  }, [active, seen, lastSeq, scroller]);

  const below = Math.max(0, lastSeq - seen);
  return useMemo(() => ({ on, below, set, pin }), [on, below, set, pin]);
}

import { type RefObject, useLayoutEffect, useState } from 'react';

/** Where the rows stand in the scrolled page. */
export interface Frame {
  /** Pixels above the first row. */
  margin: number;
  /** Pixels at the top that stay covered by bars. */
  covered: number;
  width: number;
}

interface Parts {
  /** What is scrolled. */
  scroller: RefObject<HTMLElement | null>;
  /** Around the rows. */
  feed: RefObject<HTMLElement | null>;
  /** The lowest bar that sticks; the feed begins right under it. */
  bar: RefObject<HTMLElement | null>;
}

/** Measures the page's parts, again when one of them changes its size. */
export function useFrame({ scroller, feed, bar }: Parts): Frame {
  const [frame, setFrame] = useState<Frame>({ margin: 0, covered: 0, width: 900 });
  useLayoutEffect(() => {
    const [outer, rows, lowest] = [scroller.current, feed.current, bar.current];
    if (outer === null || rows === null || lowest === null) return;
    const measure = () => {
      const margin = Math.round(
        rows.getBoundingClientRect().top - outer.getBoundingClientRect().top + outer.scrollTop,
      );
      const top = Number.parseFloat(getComputedStyle(lowest).top) || 0;
      const next = { margin, covered: Math.round(top + lowest.offsetHeight), width: rows.clientWidth };
      setFrame((last) =>
        last.margin === next.margin && last.covered === next.covered && last.width === next.width
          ? last
          : next,
      );
    };
    measure();
    const observer = new ResizeObserver(measure);
    // What holds the rows changes its height with each row that is measured, and moves nothing that counts here.
    for (const part of outer.children) if (!part.contains(rows)) observer.observe(part);
    observer.observe(outer);
    return () => observer.disconnect();
  }, [scroller, feed, bar]);
  return frame;
}

import type { Page } from '@playwright/test';

interface Window {
  __rows?: number;
  __longTasks?: number[];
}

/**
 * Notes, in the page and before anything of it runs, when the first rows stood on the screen (milliseconds after the
 * navigation began), and which tasks kept the page from answering.
 */
export async function watch(page: Page, rows: string, atLeast: number): Promise<void> {
  await page.addInitScript(
    ({ rows, atLeast }) => {
      const notes = window as Window;
      notes.__longTasks = [];
      new PerformanceObserver((list) => {
        for (const task of list.getEntries()) notes.__longTasks?.push(Math.round(task.duration));
      }).observe({ type: 'longtask', buffered: true });
      const look = () => {
        if (document.querySelectorAll(rows).length < atLeast) requestAnimationFrame(look);
        // What is in the document now is on the screen with the frame after this one.
        else requestAnimationFrame(() => requestAnimationFrame(() => (notes.__rows = performance.now())));
      };
      requestAnimationFrame(look);
    },
    { rows, atLeast },
  );
}

export interface Paint {
  /** First paint of anything, milliseconds. */
  first: number;
  /** First rows with what is recorded, milliseconds. */
  rows: number;
  longTasks: number[];
}

export async function painted(page: Page): Promise<Paint> {
  await page.waitForFunction(() => (window as Window).__rows !== undefined);
  return page.evaluate(() => ({
    first: Math.round(performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN),
    rows: Math.round((window as Window).__rows ?? Number.NaN),
    longTasks: (window as Window).__longTasks ?? [],
  }));
}

export interface Scroll {
  frames: number;
  /** Milliseconds from frame to frame: median, 95th percentile, longest. */
  median: number;
  p95: number;
  longest: number;
  /** Frames in which rows were missing where the timeline should have had some. */
  blank: number;
}

/** Scrolls what holds the rows from top to end, a step a frame, as a wheel that is held turning does. */
export function scroll(page: Page, rows: string, stepPx: number, framesMax: number): Promise<Scroll> {
  return page.evaluate(
    async ({ rows, stepPx, framesMax }) => {
      let scroller: Element | null = document.querySelector(rows);
      while (scroller !== null && !/auto|scroll/.test(getComputedStyle(scroller).overflowY))
        scroller = scroller.parentElement;
      if (scroller === null) throw new Error(`nothing scrolls around ${rows}`);
      const gaps: number[] = [];
      let blank = 0;
      let last = performance.now();
      for (let frame = 0; frame < framesMax; frame += 1) {
        const before = scroller.scrollTop;
        scroller.scrollTop += stepPx;
        if (scroller.scrollTop === before) break;
        const now = await new Promise<number>((done) => requestAnimationFrame(done));
        gaps.push(now - last);
        last = now;
        const { left, top, width, height } = scroller.getBoundingClientRect();
        const middle = document.elementFromPoint(left + width / 2, top + height * 0.8);
        if (middle?.closest(rows) === null) blank += 1;
      }
      const sorted = gaps.slice(1).sort((a, b) => a - b);
      const at = (share: number) => Math.round((sorted[Math.floor(sorted.length * share)] ?? 0) * 10) / 10;
      return { frames: gaps.length, median: at(0.5), p95: at(0.95), longest: at(0.9999), blank };
    },
    { rows, stepPx, framesMax },
  );
}

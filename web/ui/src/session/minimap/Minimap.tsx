import { type PointerEvent, useEffect, useMemo, useRef, useState } from 'react';
import { useTheme } from '~/app/useTheme';
import { minimapOf, rowAt, rowPx } from '../model/minimap';
import type { Row } from '../model/rows';
import { draw, readPalette } from './draw';
import styles from './Minimap.module.css';

/** Time for the rows to be painted before the map is. */
const AFTER_ROWS_MS = 30;

export interface MinimapProps {
  rows: readonly Row[];
  /** First and last row in view. */
  view: { first: number; last: number };
  /** Rows where words were found. */
  hits: ReadonlySet<string>;
  onGo: (index: number) => void;
}

/**
 * The whole session at a glance. A picture for the pointer only: what it does, the turns' heads, the filters and the keys
 * do too.
 */
export function Minimap({ rows, view, hits, onGo }: MinimapProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const model = useMemo(() => minimapOf(rows), [rows]);
  const found = useMemo(
    () => (hits.size === 0 ? [] : rows.flatMap((row, index) => (hits.has(row.key) ? [index] : []))),
    [rows, hits],
  );
  const theme = useTheme();
  const dark = useDark();

  useEffect(() => {
    const element = canvas.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => {
      setSize({ width: element.clientWidth, height: element.clientHeight });
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the theme changes what the palette reads
  useEffect(() => {
    const element = canvas.current;
    if (element === null || size.width === 0) return;
    // The rows first: they are what one waits for.
    const timer = setTimeout(() => draw(element, size, model, found, readPalette(element)), AFTER_ROWS_MS);
    return () => clearTimeout(timer);
  }, [model, found, size, theme, dark]);

  const px = rowPx(model.rows, size.height);
  const go = (event: PointerEvent<HTMLElement>) => {
    const { top } = event.currentTarget.getBoundingClientRect();
    onGo(rowAt(event.clientY - top, model.rows, size.height));
  };
  return (
    <div
      className={styles.minimap}
      aria-hidden
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        go(event);
      }}
      onPointerMove={(event) => {
        if (event.currentTarget.hasPointerCapture(event.pointerId)) go(event);
      }}
    >
      <canvas ref={canvas} className={styles.canvas} />
      <div
        className={styles.view}
        style={{
          transform: `translateY(${view.first * px}px)`,
          height: Math.max(6, (view.last - view.first + 1) * px),
        }}
      />
    </div>
  );
}

/** Whether the system is dark: with the theme `system` it changes the colours. */
function useDark(): boolean {
  const [dark, setDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches);
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)');
    const follow = () => setDark(query.matches);
    query.addEventListener('change', follow);
    return () => query.removeEventListener('change', follow);
  }, []);
  return dark;
}

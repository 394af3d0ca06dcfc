import { useVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useCallback, useEffect, useRef, useState } from 'react';
import type { ListedSession } from '~/api/schema';
import { useNow } from './clock';
import { HintPopup } from './hint';
import styles from './list.module.css';
import { heldBack } from './pages';
import rowStyles from './row.module.css';
import { SessionRow } from './SessionRow';
import { useRowKeys } from './useRowKeys';

/** Pixels of a row without highlights; the true height is measured. */
const ROW_HEIGHT = 53;
const ROWS_AHEAD = 12;
/** Rows before the end at which the next page is asked for. */
const MORE_BEFORE_END = 15;
/** Scrolled less than this is the top: who stands there sees new sessions come in. */
const TOP_PX = 8;

export function SessionList(props: {
  sessions: readonly ListedSession[];
  /** By this the router keeps how far the list was scrolled. */
  name: string;
  /** Where to begin, in pixels: who comes back finds the place again. */
  offset: number;
  readsContent: boolean;
  /** New events arrive at once. */
  live: boolean;
  /** What is on display is not yet what was asked for. */
  stale: boolean;
  hasMore: boolean;
  onMore: () => void;
  /** Stands after the last row: the next page loads, or did not. */
  end: ReactNode;
  /** What to say when the list should be loaded anew; a quiet one stands aside. */
  notice: { text: string; quiet: boolean } | undefined;
  onReload: () => void;
}) {
  const scroller = useRef<HTMLDivElement>(null);
  const first = props.sessions[0]?.id ?? null;
  const [firstShown, setFirstShown] = useState(props.offset > TOP_PX ? first : null);
  const held = heldBack(props.sessions, firstShown);
  const shown = held === 0 ? props.sessions : props.sessions.slice(held);
  const now = useNow();
  const rows = useVirtualizer({
    count: shown.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    getItemKey: (index) => shown[index]?.id ?? index,
    overscan: ROWS_AHEAD,
    initialOffset: props.offset,
  });
  const items = rows.getVirtualItems();
  const { wanted, onFocused } = useRowKeys(shown, (index) => rows.scrollToIndex(index, { align: 'auto' }));

  const nearEnd = (items.at(-1)?.index ?? 0) >= shown.length - MORE_BEFORE_END;
  const { hasMore, onMore } = props;
  useEffect(() => {
    if (nearEnd && hasMore) onMore();
  }, [nearEnd, hasMore, onMore]);

  const showNew = useCallback(() => {
    setFirstShown(null);
    scroller.current?.scrollTo({ top: 0 });
  }, []);
  const follow = () => {
    const atTop = (scroller.current?.scrollTop ?? 0) <= TOP_PX;
    if (atTop) setFirstShown(null);
    else if (firstShown === null) setFirstShown(first);
  };

  return (
    <div className={styles.frame}>
      <div className={rowStyles.head} aria-hidden>
        <span>
          Session
          {props.live && <span className={styles.live}>live</span>}
        </span>
        <span>Prompts</span>
        <span>Tools</span>
        <span className={rowStyles.few}>MCP</span>
        <span className={rowStyles.few}>Commands</span>
        <span className={rowStyles.few}>Tokens</span>
        <span>Last activity</span>
      </div>
      <div className={styles.news} aria-live="polite">
        {props.notice ? (
          <button
            type="button"
            className={props.notice.quiet ? styles.quietButton : styles.newButton}
            onClick={props.onReload}
          >
            {props.notice.text}
          </button>
        ) : (
          held > 0 && (
            <button type="button" className={styles.newButton} onClick={showNew}>
              {held} new
            </button>
          )
        )}
      </div>
      <div
        ref={scroller}
        className={styles.scroller}
        data-scroll-restoration-id={props.name}
        onScroll={follow}
        aria-busy={props.stale}
      >
        <ul
          className={styles.list}
          style={{ height: rows.getTotalSize() }}
          aria-label="Sessions, newest first"
          data-stale={props.stale ? '' : undefined}
        >
          {items.map((item) => {
            const session = shown[item.index];
            return (
              session && (
                <li
                  key={item.key}
                  ref={rows.measureElement}
                  data-index={item.index}
                  className={styles.item}
                  style={{ transform: `translateY(${item.start}px)` }}
                  aria-posinset={item.index + 1}
                  aria-setsize={hasMore ? -1 : shown.length}
                >
                  <SessionRow
                    session={session}
                    now={now}
                    readsContent={props.readsContent}
                    wanted={wanted === session.id}
                    onFocused={onFocused}
                  />
                </li>
              )
            );
          })}
        </ul>
        {props.end}
      </div>
      <HintPopup />
    </div>
  );
}

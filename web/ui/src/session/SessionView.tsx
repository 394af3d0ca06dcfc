import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import type { OutlineItem, Session } from '~/api/types';
import barStyles from './bar/bar.module.css';
import { FindBar } from './bar/FindBar';
import { Help } from './bar/Help';
import { Notices } from './bar/Notices';
import { Toolbar } from './bar/Toolbar';
import { useFind } from './bar/useFind';
import { useBodies } from './data/useBodies';
import { useLiveOutline } from './data/useLiveOutline';
import { ContextDrawer } from './drawer/ContextDrawer';
import { Details } from './header/Details';
import { TitleBar } from './header/TitleBar';
import { callOf } from './model/calls';
import { isFiltering } from './model/filters';
import { foundInPage } from './model/inPage';
import { laneId } from './model/lanes';
import type { Outline } from './model/outline';
import { settled } from './model/settled';
import styles from './SessionPage.module.css';
import { type RowActions, RowContext } from './timeline/actions';
import { copy } from './timeline/copy';
import { Sprite } from './timeline/Sprite';
import { type TimelineHandle, TimelinePane } from './timeline/TimelinePane';
import { plural } from './timeline/TurnHead';
import { useExpanded } from './timeline/useExpanded';
import { useFollow } from './timeline/useFollow';
import { useFrame } from './timeline/useFrame';
import { useRowKeys } from './timeline/useRowKeys';
import { Witnesses, type WitnessesShown } from './timeline/Witnesses';
import { useHeld } from './useHeld';
import { useRows } from './useRows';
import { useTarget } from './useTarget';

export interface SessionViewProps {
  session: Session;
  outline: Outline;
  readsContent: boolean;
}

/** A session that is loaded. */
export function SessionView({ session, outline, readsContent }: SessionViewProps) {
  const items = useMemo(() => settled(session.status, outline.items), [session.status, outline.items]);
  const scroller = useRef<HTMLDivElement>(null);
  const feed = useRef<HTMLDivElement>(null);
  const bar = useRef<HTMLDivElement>(null);
  const live = useLiveOutline(session.id, outline);
  const bodies = useBodies(session.id);
  const view = useRows(items);
  const { rows, search, setSearch, byId, order } = view;
  const [activeKey, setActiveKey, renamed] = useHeld(items, byId);
  const timeline = useRef<TimelineHandle>(null);
  const frame = useFrame({ scroller, feed, bar });
  const expanded = useExpanded(items);
  const active = session.status === 'active';
  const follow = useFollow(scroller, { active, lastSeq: outline.last_seq });
  const [witnesses, setWitnesses] = useState<WitnessesShown>();
  const [contextOf, setContextOf] = useHeld(items, byId);
  const [help, setHelp] = useState(false);
  const [said, setSaid] = useState('');

  const go = (item: OutlineItem) => {
    follow.set(false);
    view.reveal(item);
    setActiveKey(item.id);
    timeline.current?.seek(item.id, 'center');
  };
  const find = useFind({
    sessionId: session.id,
    order,
    initial: search.find,
    here: () => firstSeen(rows, timeline.current?.firstSeen(), order),
    inPage: (words) => foundInPage(items, bodies.get, words),
    onHit: (id) => {
      const item = byId.get(id);
      if (item === undefined) return;
      // Closed, it would not show the words.
      if (item.kind !== 'model_call') expanded.open(id);
      go(item);
    },
    onWords: (words) => setSearch({ find: words }),
  });
  const target = useTarget(session.id, search.event, byId, go);
  const call = useMemo(
    () => (contextOf === undefined ? undefined : callOf(items, byId, contextOf)),
    [items, byId, contextOf],
  );
  const link = useCallback(
    (id: string) => {
      setSearch({ event: id });
      const address = new URL(location.href);
      address.search = new URLSearchParams({ event: id }).toString();
      void copy(address.href).then((done) =>
        setSaid(
          done ? 'Link copied' : 'The link stands in the address; the browser does not allow to copy it',
        ),
      );
    },
    [setSearch],
  );
  const actions: RowActions = useMemo(
    () => ({
      bodies,
      activate: setActiveKey,
      toggle: expanded.toggle,
      fold: view.fold,
      toggleTurn: expanded.toggleTurn,
      goTo: (key) => timeline.current?.seek(key, 'start'),
      openContext: readsContent ? setContextOf : undefined,
      link,
      witnesses: (anchor, event) => setWitnesses({ anchor, event }),
    }),
    [bodies, expanded.toggle, expanded.toggleTurn, view.fold, readsContent, link, setActiveKey, setContextOf],
  );
  const showHelp = useCallback(() => setHelp(true), []);
  useRowKeys({
    timeline,
    rows,
    activeKey,
    setActiveKey,
    actions,
    say: setSaid,
    openContext: (id) => readsContent && callOf(items, byId, id) && setContextOf(id),
    toggleFollow: () => follow.set(!follow.on),
    showFind: () => readsContent && find.show(),
    showHelp,
  });
  // With its new name the row is drawn anew, and what had the focus is gone.
  // biome-ignore lint/correctness/useExhaustiveDependencies: each new name counts
  useLayoutEffect(() => {
    const lost = contextOf === undefined && document.activeElement === document.body;
    if (renamed > 0 && activeKey !== undefined && lost) timeline.current?.focus(activeKey);
  }, [renamed]);
  useEffect(() => {
    if (follow.below > 0) setSaid(`${plural(follow.below, 'new event')} below`);
  }, [follow.below]);

  const hits = useMemo(() => new Set(find.open ? find.hits.ids : []), [find.open, find.hits.ids]);
  const words = find.open && find.words.trim() !== '' ? find.words.trim() : undefined;
  return (
    <RowContext.Provider value={actions}>
      <Sprite />
      <div ref={scroller} className={styles.scroller} tabIndex={-1}>
        <TitleBar session={session} readsContent={readsContent} />
        <Details session={session} />
        <div ref={bar} className={barStyles.bar}>
          <Toolbar
            filter={view.filter}
            counts={view.counts}
            lanes={view.lanes}
            setFilter={view.setFilter}
            live={live}
            follow={follow}
            active={active}
            onFind={readsContent ? find.show : undefined}
            onHelp={showHelp}
          />
          {find.open && <FindBar find={find} />}
        </div>
        <Notices readsContent={readsContent} cut={outline.cut} missing={target.missing} />
        <TimelinePane
          handle={timeline}
          scroller={scroller}
          feed={feed}
          frame={frame}
          rows={rows}
          bodies={bodies}
          activeKey={activeKey}
          target={search.event}
          expanded={expanded.ids}
          find={words}
          hits={hits}
          hit={find.open ? find.hits.ids[find.hits.at] : undefined}
          onResize={follow.pin}
        />
        {rows.length === 0 && <Empty filtering={isFiltering(view.filter)} />}
        {follow.below > 0 && !follow.on && (
          <button type="button" className={`button ${barStyles.below}`} onClick={() => follow.set(true)}>
            {plural(follow.below, 'new event')} below
          </button>
        )}
      </div>
      <Witnesses shown={witnesses} onClose={() => setWitnesses(undefined)} />
      <ContextDrawer
        sessionId={session.id}
        shown={call}
        laneName={(call && view.lanes.get(laneId(call.call))?.name) ?? ''}
        onGo={setContextOf}
        onClose={() => setContextOf(undefined)}
        // What had it before is no more if its row was drawn anew meanwhile.
        focusAfter={() => (renamed > 0 && activeKey ? timeline.current?.rowOf(activeKey) : undefined)}
      />
      <Help open={help} onClose={() => setHelp(false)} />
      <div className="visually-hidden" role="status" aria-live="polite">
        {said}
      </div>
    </RowContext.Provider>
  );
}

/** The place in the session of the first event in view. */
function firstSeen(
  rows: readonly { key: string }[],
  start: number | undefined,
  order: ReadonlyMap<string, number>,
): number {
  for (const row of rows.slice(start ?? 0)) {
    const at = order.get(row.key);
    if (at !== undefined) return at;
  }
  return 0;
}

function Empty({ filtering }: { filtering: boolean }) {
  return (
    <div className={barStyles.empty}>
      {filtering ? 'Nothing passes the filters.' : 'Nothing has happened in this session yet.'}
    </div>
  );
}

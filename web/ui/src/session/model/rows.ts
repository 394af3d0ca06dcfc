import type { OutlineItem } from '~/api/types';
import { type Filter, passes } from './filters';
import { failed } from './kinds';
import { type Lane, laneId, MAIN } from './lanes';
import { byTurn, type Turn, turnOf } from './turns';

/** Subagents of subagents are shown no deeper than this, so that text keeps room. */
export const DEPTH_MAX = 6;

export interface TurnRow {
  type: 'turn';
  key: string;
  turn: Turn;
  collapsed: boolean;
}

/** The head of what a subagent did within one turn. */
export interface LaneRow {
  type: 'lane';
  key: string;
  lane: Lane;
  turn: number;
  /** As of an event's row. */
  rail: string;
  depth: number;
  events: number;
  errors: number;
  collapsed: boolean;
}

export interface EventRow {
  type: 'event';
  key: string;
  item: OutlineItem;
  /** Of a tool call: the permission that was asked for it. */
  permission?: OutlineItem;
  /** Lanes from the main thread down to this row's own, by index: the lines of the rail. */
  rail: string;
  depth: number;
}

export type Row = TurnRow | LaneRow | EventRow;

/** What the reader folded away: keys of turn rows and of lane rows. */
export type Folded = ReadonlySet<string>;

export const turnKey = (turn: number): string => `turn:${turn}`;
export const laneKey = (turn: number, lane: string): string => `lane:${turn}:${lane}`;

/** The session as rows: turns, in them the main thread, under a tool call the subagent that it started. */
export function rowsOf(
  items: readonly OutlineItem[],
  lanes: ReadonlyMap<string, Lane>,
  filter: Filter,
  folded: Folded,
): Row[] {
  const rows: Row[] = [];
  for (const [number, members] of byTurn(items)) {
    const shown = members.filter((item) => passes(filter, item));
    if (shown.length === 0) continue;
    const key = turnKey(number);
    const collapsed = folded.has(key);
    rows.push({ type: 'turn', key, turn: turnOf(number, members), collapsed });
    if (!collapsed) new TurnRows(number, members, new Set(shown), lanes, folded, rows).write();
  }
  return rows;
}

/** What a subagent did, as it reads: hooks tell its task only with what came of it. */
function inLaneOrder(items: readonly OutlineItem[]): OutlineItem[] {
  const ordered = [...items];
  const task = ordered.findIndex(({ kind }) => kind === 'prompt');
  if (ordered[task]?.channels.every((channel) => channel === 'hook')) {
    const to = ordered[0]?.kind === 'subagent_start' ? Math.min(1, task) : 0;
    ordered.splice(to, 0, ...ordered.splice(task, 1));
  }
  return ordered;
}

/** Writes the rows of one turn. */
class TurnRows {
  private readonly turn: number;
  private readonly shown: ReadonlySet<OutlineItem>;
  private readonly lanes: ReadonlyMap<string, Lane>;
  private readonly folded: Folded;
  private readonly rows: Row[];
  private readonly members = new Map<string, OutlineItem[]>();
  private readonly permissions = new Map<string, OutlineItem>();
  /** Lanes that were written already, or are being written: a circle in the data must end. */
  private readonly written = new Set<string>();

  constructor(
    turn: number,
    items: readonly OutlineItem[],
    shown: ReadonlySet<OutlineItem>,
    lanes: ReadonlyMap<string, Lane>,
    folded: Folded,
    rows: Row[],
  ) {
    this.turn = turn;
    this.shown = shown;
    this.lanes = lanes;
    this.folded = folded;
    this.rows = rows;
    for (const item of items) {
      const lane = this.members.get(laneId(item));
      if (lane === undefined) this.members.set(laneId(item), [item]);
      else lane.push(item);
      if (item.kind === 'permission' && item.call_id !== undefined) this.permit(item, item.call_id);
    }
  }

  write(): void {
    const here = new Set([...this.members.values()].flat().map((item) => item.spawned_subagent_id));
    // A subagent whose tool call is in an earlier turn, or is not known yet, stands where it first speaks.
    const loose = [...this.members.entries()].filter(([id]) => id !== MAIN && !here.has(id));
    const main = (this.members.get(MAIN) ?? []).map((item) => ({ seq: item.seq, item, lane: '' }));
    const blocks = loose.map(([lane, [first]]) => ({ seq: first?.seq ?? 0, item: undefined, lane }));
    this.written.add(MAIN);
    for (const entry of [...main, ...blocks].sort((a, b) => a.seq - b.seq)) {
      if (entry.item) this.event(entry.item, '0', 0);
      else this.lane(entry.lane, '0', 1);
    }
    // Lanes that only name one another.
    for (const id of this.members.keys()) this.lane(id, '0', 1);
  }

  /** Of several for one call the last that was decided counts. */
  private permit(item: OutlineItem, callId: string): void {
    const known = this.permissions.get(callId);
    if (known === undefined || known.decision === 'asked' || item.decision !== 'asked')
      this.permissions.set(callId, item);
  }

  private event(item: OutlineItem, rail: string, depth: number): void {
    if (this.shown.has(item)) {
      const row: EventRow = { type: 'event', key: item.id, item, rail, depth };
      const permission = item.kind === 'tool_call' && this.permissions.get(item.call_id ?? '');
      if (permission) row.permission = permission;
      this.rows.push(row);
    }
    if (item.spawned_subagent_id !== undefined) {
      this.lane(item.spawned_subagent_id, rail, Math.min(depth + 1, DEPTH_MAX));
    }
  }

  private lane(id: string, outer: string, depth: number): void {
    const lane = this.lanes.get(id);
    const members = this.members.get(id);
    if (lane === undefined || members === undefined || this.written.has(id)) return;
    this.written.add(id);
    const key = laneKey(this.turn, id);
    const collapsed = this.folded.has(key);
    const shown = members.filter((item) => this.shown.has(item));
    const rail = `${outer},${lane.index}`;
    const head: LaneRow = {
      type: 'lane',
      key,
      lane,
      turn: this.turn,
      rail,
      depth,
      events: shown.length,
      errors: shown.filter(failed).length,
      collapsed,
    };
    const at = this.rows.push(head);
    for (const item of inLaneOrder(members)) this.event(item, rail, depth);
    // All that it did is filtered away, and so is what its own subagents did.
    if (this.rows.length === at) this.rows.length = at - 1;
    else if (collapsed) this.rows.length = at;
  }
}

import type { OutlineItem } from '~/api/types';

/** The id of the main thread's lane, also in addresses. */
export const MAIN = 'main';

/** Colours repeat after so many subagents (`--lane-1` … `--lane-6`; `--lane-0` is the main thread's). */
const SUBAGENT_COLOURS = 6;

/** Characters of a subagent's id that tell it from others. */
const SHORT_ID_CHARS = 8;

/** The main thread, or one subagent. */
export interface Lane {
  /** `main`, or the subagent's id. */
  id: string;
  /** 0 is the main thread; subagents by their first fact. */
  index: number;
  name: string;
  /** The tool call that started it, where one is known. */
  spawnedBy?: OutlineItem;
  count: number;
}

export const laneId = (item: OutlineItem): string => item.subagent_id ?? MAIN;

/** A variable of tokens.css. */
export function laneColour(index: number): string {
  return `var(--lane-${index === 0 ? 0 : ((index - 1) % SUBAGENT_COLOURS) + 1})`;
}

export function shortId(id: string): string {
  return id.length <= SHORT_ID_CHARS + 2 ? id : `${id.slice(0, SHORT_ID_CHARS)}…`;
}

/** All lanes of a session by their id, the main thread first. */
export function lanesOf(items: readonly OutlineItem[]): Map<string, Lane> {
  const spawners = new Map<string, OutlineItem>();
  const types = new Map<string, string>();
  const lanes = new Map<string, Lane>([[MAIN, { id: MAIN, index: 0, name: 'Main thread', count: 0 }]]);
  for (const item of items) {
    if (item.spawned_subagent_id !== undefined) spawners.set(item.spawned_subagent_id, item);
    const id = laneId(item);
    if ((item.kind === 'subagent_start' || item.kind === 'subagent_stop') && item.title !== '')
      types.set(id, item.title);
    let lane = lanes.get(id);
    if (lane === undefined) {
      const index = lanes.size;
      lane = { id, index, name: `Subagent ${shortId(id)}`, count: 0 };
      lanes.set(id, lane);
    }
    lane.count += 1;
  }
  for (const lane of lanes.values()) {
    const spawner = spawners.get(lane.id);
    const type = types.get(lane.id);
    // Hooks tell what kind of subagent it is before the call that started it has ended.
    if (type !== undefined && lane.id !== MAIN) lane.name = `Subagent ${type}`;
    if (spawner === undefined) continue;
    lane.spawnedBy = spawner;
    if (spawner.title !== '') lane.name = spawner.title;
  }
  return lanes;
}

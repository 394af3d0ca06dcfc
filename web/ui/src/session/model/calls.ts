import type { OutlineItem } from '~/api/types';
import { laneId } from './lanes';

/** A model call, with its neighbours of the same lane. */
export interface Call {
  call: OutlineItem;
  /** The call before, with purpose `turn`: what the context is compared with. */
  previous: OutlineItem | undefined;
  next: OutlineItem | undefined;
}

const isTurn = (item: OutlineItem): boolean => item.kind === 'model_call' && item.purpose === 'turn';

/** The model call that an event is, or came out of. */
export function callOf(
  items: readonly OutlineItem[],
  byId: ReadonlyMap<string, OutlineItem>,
  id: string,
): Call | undefined {
  const item = byId.get(id);
  if (item === undefined || item.kind === 'prompt') return undefined;
  const parent = item.parent_event_id === undefined ? undefined : byId.get(item.parent_event_id);
  const call = [item, parent].find((one) => one?.kind === 'model_call');
  if (call === undefined) return undefined;
  const lane = laneId(call);
  let previous: OutlineItem | undefined;
  for (const other of items) {
    if (other === call || !isTurn(other) || laneId(other) !== lane) continue;
    if (other.seq > call.seq) return { call, previous, next: other };
    previous = other;
  }
  return { call, previous, next: undefined };
}

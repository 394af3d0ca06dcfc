import { client, unwrap } from '~/api/client';
import { isObject } from '~/content/json';
import type { EventOf } from './types';

/** Events after a prompt that are looked at for the call that carried it. */
const EVENTS = 40;

/** The last message of the user in the first request after a prompt; null when there is none. */
export async function imagesOfPrompt(event: EventOf<'prompt'>, signal: AbortSignal): Promise<unknown> {
  const query = { from_seq: event.seq, limit: EVENTS, clip: 256 };
  const page = await unwrap(
    client.GET('/sessions/{id}/events', { params: { path: { id: event.session_id }, query }, signal }),
  );
  const call = page.items.find(
    (next) =>
      next.kind === 'model_call' &&
      next.purpose === 'turn' &&
      (next.subagent_id ?? null) === (event.subagent_id ?? null),
  );
  if (!call) return null;
  const path = { id: event.session_id, event_id: call.id };
  const context = await unwrap(
    client.GET('/sessions/{id}/calls/{event_id}/context', { params: { path }, signal }),
  );
  const messages = Array.isArray(context.messages) ? (context.messages as unknown[]) : [];
  return messages.findLast((message) => isObject(message) && message.role === 'user') ?? null;
}

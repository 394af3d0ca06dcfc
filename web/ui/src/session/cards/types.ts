import type { Event } from '~/api/types';

/** A value of an event that was too long to be sent whole. */
export interface Clipped {
  /** JSON pointer into the event as it would be without clipping. */
  pointer: string;
  /** Characters of the whole value. */
  chars: number;
  /** The value is no string: what was sent is the beginning of its JSON text. */
  as_text: boolean;
}

/** An event as `GET /sessions/{id}/events?clip=` gives it. */
export type ClippedEvent = Event & { clipped?: Clipped[] };

/** An event of one kind. */
export type EventOf<K extends ClippedEvent['kind']> = Extract<ClippedEvent, { kind: K }>;

export type ToolCallEvent = EventOf<'tool_call'>;

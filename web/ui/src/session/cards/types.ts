import type { ClippedEvent } from '~/api/types';

export type { Clipped, ClippedEvent } from '~/api/types';

/** An event of one kind. */
export type EventOf<K extends ClippedEvent['kind']> = Extract<ClippedEvent, { kind: K }>;

export type ToolCallEvent = EventOf<'tool_call'>;

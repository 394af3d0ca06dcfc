import type { ComponentType } from 'react';
import type { ToolCallEvent } from '../types';

/** What the body of a tool call is made from. */
export interface ToolBodyProps {
  event: ToolCallEvent;
  /** What really ran: the model's arguments, or what was put in their place. */
  args: unknown;
  find?: string | undefined;
  /** Loads the whole event, when something of it was cut off. */
  load?: (() => void) | undefined;
}

/** How the calls of some tools are shown. */
export interface ToolView {
  /** Names in lower case, without what differs between agents: dots, dashes and underscores. */
  names?: string[];
  /** Further calls by what they are, for tools whose names say nothing. */
  fits?: (event: ToolCallEvent, args: unknown) => boolean;
  /** What stands in the head of the card instead of the outline's title. */
  title?: (event: ToolCallEvent, args: unknown) => string | undefined;
  Body: ComponentType<ToolBodyProps>;
}

import { createContext, useContext } from 'react';
import type { ClippedEvent } from '../cards/types';
import type { Bodies } from '../data/bodies';

/** What rows do; one object for the life of the page, so that rows are not drawn again for it. */
export interface RowActions {
  bodies: Bodies;
  /** Makes the row the one that keys go from. */
  activate(key: string): void;
  /** Opens or closes the body of an event. */
  toggle(id: string): void;
  /** Folds or unfolds a turn or a subagent. */
  fold(key: string): void;
  /** Opens or closes all tool calls of a turn. */
  toggleTurn(turn: number): void;
  /** Scrolls to the beginning of a turn. */
  goTo(key: string): void;
  /** Shows the context of the model call that an event is or came out of. */
  openContext: ((id: string) => void) | undefined;
  /** Puts the event's link on the clipboard and in the address. */
  link(id: string): void;
  /** Shows who saw an event, beside `anchor`. */
  witnesses(anchor: HTMLElement, event: ClippedEvent | undefined): void;
}

export const RowContext = createContext<RowActions | undefined>(undefined);

export function useRowActions(): RowActions {
  const actions = useContext(RowContext);
  if (actions === undefined) throw new Error('a row outside of a timeline');
  return actions;
}

import type { OutlineItem } from '~/api/types';
import type { ClippedEvent } from '../cards/types';
import { Lru } from '../model/lru';
import { plan, WINDOWS_IN_FLIGHT, type Window } from '../model/windows';

/** Events whose bodies are kept: forty screens or so, at most some tens of megabytes with clipped texts. */
export const BODIES_MAX = 2_000;

/** A window that failed is not asked again before; scrolling would else hammer a server in trouble. */
export const RETRY_AFTER_MS = 3_000;

/** Asks the server: for the events of a window, or for one. */
export interface BodySource {
  window(fromSeq: number, limit: number, signal: AbortSignal): Promise<ClippedEvent[]>;
  one(id: string, signal: AbortSignal): Promise<ClippedEvent>;
}

interface Flight {
  window: Window;
  abort: AbortController;
}

/** Bodies of events, loaded as they come into view and forgotten when long out of it. */
export class Bodies {
  private readonly source: BodySource;
  private readonly kept = new Lru<string, ClippedEvent>(BODIES_MAX);
  private readonly flights = new Map<number, Flight>();
  private readonly listeners = new Map<string, Set<() => void>>();
  /** By id, the revision that an answer lacked: moved meanwhile, so it is asked by its id. */
  private readonly strays = new Map<string, number>();
  private wanted: readonly OutlineItem[] = [];
  private retryAt = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(source: BodySource) {
    this.source = source;
  }

  /** The body, if there is one; it may be of an older revision until the newer one is there. */
  get = (id: string): ClippedEvent | undefined => this.kept.peek(id);

  get size(): number {
    return this.kept.size;
  }

  /** Called whenever the body of that event comes or changes. */
  subscribe(id: string, listener: () => void): () => void {
    let group = this.listeners.get(id);
    if (group === undefined) {
      group = new Set();
      this.listeners.set(id, group);
    }
    group.add(listener);
    return () => {
      group.delete(listener);
      if (group.size === 0 && this.listeners.get(id) === group) this.listeners.delete(id);
    };
  }

  /** What is in view or near it now. What is on its way and no longer wanted is called off. */
  want(items: readonly OutlineItem[]): void {
    this.wanted = items;
    for (const item of items) this.kept.touch(item.id);
    const ids = new Set(items.map((item) => item.id));
    for (const [index, flight] of this.flights) {
      if (flight.window.ids.some((id) => ids.has(id))) continue;
      flight.abort.abort();
      this.flights.delete(index);
    }
    this.ask();
  }

  /** Calls off everything that is on its way. */
  close(): void {
    this.wanted = [];
    clearTimeout(this.timer);
    for (const flight of this.flights.values()) flight.abort.abort();
    this.flights.clear();
  }

  private isFresh = (item: OutlineItem): boolean => {
    const rev = Math.max(this.kept.peek(item.id)?.rev ?? -1, this.strays.get(item.id) ?? -1);
    return rev >= item.rev;
  };

  private ask(): void {
    clearTimeout(this.timer);
    const wait = this.retryAt - Date.now();
    if (wait > 0) {
      this.timer = setTimeout(() => this.ask(), wait);
      return;
    }
    for (const window of plan(this.wanted, this.isFresh)) {
      if (this.flights.size >= WINDOWS_IN_FLIGHT) return;
      if (!this.flights.has(window.index)) void this.fly(window);
    }
  }

  private async fly(window: Window): Promise<void> {
    const flight: Flight = { window, abort: new AbortController() };
    this.flights.set(window.index, flight);
    const { signal } = flight.abort;
    try {
      const events = await this.source.window(window.fromSeq, window.limit, signal);
      if (signal.aborted) return;
      for (const event of events) this.keep(event);
      await this.lookForStrays(window, signal);
    } catch {
      // Rows keep their placeholder; what is still in view is asked again a little later.
      if (!signal.aborted) this.retryAt = Date.now() + RETRY_AFTER_MS;
    }
    if (this.flights.get(window.index) !== flight) return;
    this.flights.delete(window.index);
    this.ask();
  }

  private async lookForStrays(window: Window, signal: AbortSignal): Promise<void> {
    const ids = new Set(window.ids);
    for (const item of this.wanted) {
      if (!ids.has(item.id) || this.isFresh(item)) continue;
      this.strays.set(item.id, item.rev);
      const event = await this.source.one(item.id, signal);
      if (signal.aborted) return;
      // Its id may lead to the fact that it proved to be a part of.
      if (event.id === item.id) this.keep(event);
    }
  }

  private keep(event: ClippedEvent): void {
    const known = this.kept.peek(event.id);
    if (known !== undefined && known.rev >= event.rev) return;
    this.kept.set(event.id, event);
    for (const listener of this.listeners.get(event.id) ?? []) listener();
  }
}

/**
 * Runs a piece of work when poked: at once, then at most once per interval, and never twice at a time. What is poked
 * meanwhile leads to one more run.
 */
export class Throttle {
  readonly #work: () => Promise<void>;
  readonly #intervalMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running = false;
  #again = false;
  #stopped = false;
  #startedAt = Number.NEGATIVE_INFINITY;

  constructor(work: () => Promise<void>, intervalMs: number) {
    this.#work = work;
    this.#intervalMs = intervalMs;
  }

  poke(): void {
    if (this.#stopped || this.#timer !== undefined) return;
    if (this.#running) {
      this.#again = true;
      return;
    }
    const wait = Math.max(0, this.#startedAt + this.#intervalMs - Date.now());
    this.#timer = setTimeout(() => void this.#run(), wait);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    this.#timer = undefined;
    this.#running = true;
    this.#startedAt = Date.now();
    try {
      await this.#work();
    } finally {
      this.#running = false;
      if (this.#again) {
        this.#again = false;
        this.poke();
      }
    }
  }
}

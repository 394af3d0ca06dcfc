import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Throttle } from './throttle';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('Throttle', () => {
  it('runs at once, then at most once per interval', async () => {
    const work = vi.fn(async () => undefined);
    const throttle = new Throttle(work, 1000);
    for (let poke = 0; poke < 10; poke++) throttle.poke();
    await vi.advanceTimersByTimeAsync(0);
    expect(work).toHaveBeenCalledTimes(1);
    for (let poke = 0; poke < 10; poke++) throttle.poke();
    await vi.advanceTimersByTimeAsync(999);
    expect(work).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(work).toHaveBeenCalledTimes(2);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(work).toHaveBeenCalledTimes(2);
  });

  it('never runs twice at a time, and once more for what came meanwhile', async () => {
    const ends: (() => void)[] = [];
    const work = vi.fn(() => new Promise<void>((end) => ends.push(end)));
    const throttle = new Throttle(work, 1000);
    throttle.poke();
    await vi.advanceTimersByTimeAsync(0);
    throttle.poke();
    throttle.poke();
    await vi.advanceTimersByTimeAsync(5000);
    expect(work).toHaveBeenCalledTimes(1);
    ends[0]?.();
    await vi.advanceTimersByTimeAsync(0);
    expect(work).toHaveBeenCalledTimes(2);
    ends[1]?.();
    await vi.advanceTimersByTimeAsync(5000);
    expect(work).toHaveBeenCalledTimes(2);
  });

  it('does nothing any more once stopped', async () => {
    const work = vi.fn(async () => undefined);
    const throttle = new Throttle(work, 1000);
    throttle.poke();
    throttle.stop();
    throttle.poke();
    await vi.advanceTimersByTimeAsync(5000);
    expect(work).not.toHaveBeenCalled();
  });
});

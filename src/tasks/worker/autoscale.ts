import { assertPositiveInteger, invalidOption } from "../../core/options.ts";
import type { TaskPool } from "./pools/pool.ts";

/** Between which bounds a worker decides itself how many tasks run at the same time. */
export interface AutoscaleBounds {
  readonly max: number;
  readonly min: number;
}

/** What was not needed for so long is let go. */
const IDLE_MS = 30_000;

/**
 * Lets a pool grow to what waits, and shrink to what was needed lately.
 *
 * It grows at once to as many as have something to do, and shrinks when for 30 to 60 seconds fewer ran.
 */
export class Autoscale {
  readonly #pool: TaskPool;
  #bounds: AutoscaleBounds;
  /** The most that ran at the same time, in this period and in the one before. */
  #peaks: readonly [now: number, before: number] = [0, Infinity];
  #periodEndsAt: number;

  constructor(bounds: AutoscaleBounds, pool: TaskPool) {
    this.#bounds = bounds;
    this.#pool = pool;
    this.#periodEndsAt = performance.now() + IDLE_MS;
  }

  get bounds(): AutoscaleBounds {
    return this.#bounds;
  }

  /** Changes the bounds; a pool beyond them is resized at once. */
  change(bounds: AutoscaleBounds): void {
    this.#bounds = assertBounds(bounds);
    const { max, min } = bounds;
    const size = Math.min(Math.max(this.#pool.size, min), max);
    if (size !== this.#pool.size) this.#pool.resize(size);
  }

  /** Adjusts the pool; called every second. `countWaiting` is asked only while all are busy. */
  async check(running: number, countWaiting: () => Promise<number>): Promise<void> {
    const { max } = this.#bounds;
    const { size } = this.#pool;
    const [now, before] = this.#peaks;
    this.#peaks = [Math.max(now, running), before];
    if (running >= size && size < max) {
      const waiting = await countWaiting();
      if (waiting > 0) this.#pool.resize(Math.min(max, size + waiting));
    }
    if (performance.now() >= this.#periodEndsAt) this.#endPeriod(running);
  }

  #endPeriod(running: number): void {
    const { size } = this.#pool;
    const needed = Math.max(this.#bounds.min, ...this.#peaks);
    if (needed < size) this.#pool.resize(needed);
    this.#peaks = [running, this.#peaks[0]];
    this.#periodEndsAt = performance.now() + IDLE_MS;
  }
}

/**
 * Returns bounds that make sense.
 *
 * @throws {TidingsError} OPTION_INVALID for others.
 */
export function assertBounds({ max, min }: AutoscaleBounds): AutoscaleBounds {
  assertPositiveInteger("autoscale.max", max);
  assertPositiveInteger("autoscale.min", min);
  if (min > max) throw invalidOption("autoscale.min", `at most \`autoscale.max\`, ${max}`, min);
  return { max, min };
}

/** The clock of Redis, which moves what is due; learned from its answers, or one that a test moves. */
export class RedisClock {
  readonly #now: (() => number) | undefined;
  /** How far the clock of Redis is ahead of ours. */
  #aheadMs = 0;

  constructor(now: (() => number) | undefined) {
    this.#now = now;
  }

  /** The time there, in milliseconds. */
  get time(): number {
    return this.#now?.() ?? Date.now() + this.#aheadMs;
  }

  /** The time as scripts are told it: without a clock of our own, they take that of Redis. */
  get word(): string {
    return this.#now ? String(this.#now()) : "";
  }

  /** A time there as a time here. */
  toLocal(time: number): number {
    return time - this.#aheadMs;
  }

  /** Learns from an answer which time it is there. */
  learn(askedAt: number, time: number): void {
    if (this.#now) return;
    const aheadMs = time - Date.now();
    const behindMs = time - askedAt;
    // A difference that the way there and back explains is none.
    this.#aheadMs = Math.max(aheadMs, 0) + Math.min(behindMs, 0);
  }
}

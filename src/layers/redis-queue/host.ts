import type { Redis } from "../../redis/index.ts";

/** What a {@link QueueHost} tells. */
export interface QueueHostEvents {
  /** The host answers again; what it held may be gone. */
  readonly onRecovered: (host: QueueHost, from: number) => Promise<void>;
}

/**
 * One of the Redis servers of a queue layer, and whether it answers.
 *
 * All readers of the host report here, so that an outage is one outage however many noticed it.
 */
export class QueueHost {
  readonly redis: Redis;
  readonly #events: QueueHostEvents;
  #lastSign = Date.now();
  #brokenSince: number | undefined;
  #recovery: Promise<void> | undefined;

  constructor(redis: Redis, events: QueueHostEvents) {
    this.redis = redis;
    this.#events = events;
  }

  get isBroken(): boolean {
    return this.#brokenSince !== undefined;
  }

  /** A reader got a reply. */
  sign(): void {
    this.#lastSign = Date.now();
  }

  /** A reader lost its connection. */
  break(): void {
    this.#brokenSince ??= this.#lastSign;
  }

  /** A reader is connected again; resolves when memberships are back. */
  async recover(): Promise<void> {
    const from = this.#brokenSince;
    if (from === undefined) return;
    this.#recovery ??= this.#events.onRecovered(this, from);
    try {
      await this.#recovery;
      this.#brokenSince = undefined;
      this.sign();
    } finally {
      this.#recovery = undefined;
    }
  }
}

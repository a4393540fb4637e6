import type { RedisGap } from "./redis.ts";

/** Those who want to know when messages may have been missed. */
export class GapListeners {
  readonly #listeners = new Set<(gap: RedisGap) => void>();

  tell(gap: RedisGap): void {
    for (const listener of this.#listeners) listener(gap);
  }

  /** Returns what ends it. */
  listen(listener: (gap: RedisGap) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

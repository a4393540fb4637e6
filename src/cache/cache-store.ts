/**
 * Where a cache keeps its entries.
 *
 * `src/testing/cases/cache.ts` checks each sentence against every driver.
 *
 * - `get` MUST return what was last set under the key, or `undefined` when nothing was, when it was
 *   deleted, or when its time is over. It MAY forget an entry earlier, to keep its bounds.
 * - Calls for one key MUST take effect in the order in which they were made.
 * - `clear` MUST forget everything that was set before it.
 * - Values MUST be isolated: what anybody changes in a value that was set or got is seen by nobody.
 */
export interface CacheStore extends AsyncDisposable {
  get(key: string): Promise<CacheEntry | undefined>;
  /** Keeps a value for `ttlMs` milliseconds. */
  set(key: string, value: unknown, ttlMs: number): Promise<void>;
  delete(key: string): Promise<void>;
  clear(): Promise<void>;
  close(): Promise<void>;
}

/** A value that was found; it may well be `undefined` itself. */
export interface CacheEntry {
  readonly value: unknown;
}

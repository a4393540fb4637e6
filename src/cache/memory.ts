import { assertPositiveInteger } from "../core/options.ts";
import type { CacheEntry, CacheStore } from "./cache-store.ts";

/** Options of the {@link MemoryCacheStore}. */
export interface MemoryCacheOptions {
  /** How many entries are kept; beyond it, the one unused for longest goes. @default 10_000 */
  readonly maxEntries?: number | undefined;
  /** The time in milliseconds, for tests. @default Date.now */
  readonly now?: (() => number) | undefined;
}

/**
 * Cache entries in this process's memory.
 *
 * Survives: nothing. Reaches: this process. Bound: `maxEntries`; an entry whose time is over goes when it
 * is asked for, or when it is the one unused for longest.
 */
export class MemoryCacheStore implements CacheStore {
  readonly #maxEntries: number;
  readonly #now: () => number;
  /** In the order of their last use. */
  readonly #entries = new Map<string, { readonly value: unknown; readonly expiresAt: number }>();

  constructor({ maxEntries = 10_000, now = Date.now }: MemoryCacheOptions = {}) {
    this.#maxEntries = assertPositiveInteger("maxEntries", maxEntries);
    this.#now = now;
  }

  async get(key: string): Promise<CacheEntry | undefined> {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#entries.delete(key);
    if (entry.expiresAt <= this.#now()) return undefined;
    this.#entries.set(key, entry);
    return { value: structuredClone(entry.value) };
  }

  async set(key: string, value: unknown, ttlMs: number): Promise<void> {
    this.#entries.delete(key);
    this.#entries.set(key, { value: structuredClone(value), expiresAt: this.#now() + ttlMs });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > this.#maxEntries && oldest !== undefined) this.#entries.delete(oldest);
  }

  async delete(key: string): Promise<void> {
    this.#entries.delete(key);
  }

  async clear(): Promise<void> {
    this.#entries.clear();
  }

  async close(): Promise<void> {
    this.#entries.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

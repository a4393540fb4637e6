import { assertDuration } from "../core/options.ts";
import type { CacheStore } from "./cache-store.ts";

/** How long something is remembered. */
export interface RememberOptions {
  /** In milliseconds. */
  readonly ttlMs: number;
}

/**
 * Remembers what is costly to load.
 *
 * Values are copies, as `structuredClone` makes them: change what you got, and nobody else sees it. What
 * it cannot copy (a function, a class with private fields) cannot be remembered. Loads are shared, and
 * protected from being outdated, among those who ask in this process.
 */
export class Cache implements AsyncDisposable {
  readonly #store: CacheStore;
  readonly #loads = new Map<string, Loading>();

  constructor(store: CacheStore) {
    this.#store = store;
  }

  /**
   * Returns what is remembered under a key, or loads and remembers it.
   *
   * Loads once, however many ask at the same time in this process; they get the same value. When the
   * key is set or deleted while a load is under way, those who already wait get what it loads, but it
   * is not remembered, and whoever asks later loads anew. A load that fails is not remembered.
   *
   * @throws what `load` throws, to everybody who waits for it.
   */
  async remember<TValue>(
    key: string,
    { ttlMs }: RememberOptions,
    load: () => TValue | Promise<TValue>,
  ): Promise<TValue> {
    assertDuration("ttlMs", ttlMs);
    const shared = this.#loads.get(key)?.value ?? this.#begin(key, ttlMs, load);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a key's value is what was loaded for it
    return structuredClone((await shared) as TValue);
  }

  /** Returns what is remembered, or `undefined`. */
  async get(key: string): Promise<unknown> {
    return (await this.#store.get(key))?.value;
  }

  async set(key: string, value: unknown, { ttlMs }: RememberOptions): Promise<void> {
    assertDuration("ttlMs", ttlMs);
    this.#forget(key);
    await this.#store.set(key, value, ttlMs);
  }

  /** Forgets a key. A load under way is not remembered either. */
  async delete(key: string): Promise<void> {
    this.#forget(key);
    await this.#store.delete(key);
  }

  async clear(): Promise<void> {
    for (const key of this.#loads.keys()) this.#forget(key);
    await this.#store.clear();
  }

  async close(): Promise<void> {
    for (const key of this.#loads.keys()) this.#forget(key);
    await this.#store.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #begin(key: string, ttlMs: number, load: () => unknown): Promise<unknown> {
    const loading: Loading = { isStale: false, value: Promise.resolve() };
    this.#loads.set(key, loading);
    loading.value = this.#load(key, load)
      .then(async ({ value, isNew }) => {
        // Set or deleted meanwhile: what we have loaded may be old.
        if (isNew && !loading.isStale) await this.#store.set(key, value, ttlMs);
        return value;
      })
      .finally(() => {
        if (this.#loads.get(key) === loading) this.#loads.delete(key);
      });
    return loading.value;
  }

  async #load(
    key: string,
    load: () => unknown,
  ): Promise<{ readonly value: unknown; readonly isNew: boolean }> {
    const found = await this.#store.get(key);
    return found ? { value: found.value, isNew: false } : { value: await load(), isNew: true };
  }

  #forget(key: string): void {
    const loading = this.#loads.get(key);
    if (loading) loading.isStale = true;
    this.#loads.delete(key);
  }
}

/** A load under way, which everybody who asks meanwhile waits for. */
interface Loading {
  isStale: boolean;
  value: Promise<unknown>;
}

/**
 * Cached data: loaded once however many ask, and forgotten when it changes.
 *
 * `cache-store.ts` is the contract of the drivers. Knows nothing of what is cached.
 *
 * @module
 */
export { Cache, type RememberOptions } from "./cache.ts";
export type { CacheEntry, CacheStore } from "./cache-store.ts";
export { MemoryCacheStore, type MemoryCacheOptions } from "./memory.ts";
export { openCache } from "./open-cache.ts";

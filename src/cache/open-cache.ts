import { TidingsError } from "../core/errors.ts";
import { Cache } from "./cache.ts";
import { MemoryCacheStore } from "./memory.ts";

/**
 * Opens the cache that a URL names: `memory:`.
 *
 * @throws {TidingsError} APP_INVALID_URL when the scheme is unknown.
 */
export function openCache(url = "memory:"): Cache {
  const parsed = URL.parse(url);
  if (parsed?.protocol === "memory:") return new Cache(new MemoryCacheStore());
  throw new TidingsError(
    "APP_INVALID_URL",
    `expected a cache URL with one of the schemes memory:, got \`${parsed?.protocol ?? url}\``,
  );
}

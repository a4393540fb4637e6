import { TidingsError } from "../core/errors.ts";
import type { ChannelLayer, LayerOptions } from "./layer.ts";
import { MemoryLayer } from "./memory.ts";

/**
 * Opens the channel layer that a URL names.
 *
 * `memory:` is in this process. Options of the layer go into the query: `memory:?capacity=500`.
 *
 * @throws {TidingsError} APP_INVALID_URL when the scheme is unknown.
 */
export function openLayer(url = "memory:"): ChannelLayer {
  const parsed = URL.parse(url);
  if (parsed?.protocol === "memory:") return new MemoryLayer(toOptions(parsed.searchParams));
  throw new TidingsError(
    "APP_INVALID_URL",
    `expected a layer URL with one of the schemes memory:, got \`${parsed?.protocol ?? url}\``,
  );
}

const OPTION_NAMES = ["expiryMs", "groupExpiryMs", "capacity"] as const;

function toOptions(query: URLSearchParams): LayerOptions {
  const known: readonly string[] = OPTION_NAMES;
  for (const name of query.keys()) {
    if (known.includes(name)) continue;
    throw new TidingsError(
      "APP_INVALID_URL",
      `unknown layer option \`${name}\`; known are ${OPTION_NAMES.join(", ")}`,
    );
  }
  return Object.fromEntries(
    OPTION_NAMES.filter((name) => query.has(name)).map((name) => [name, Number(query.get(name))]),
  );
}

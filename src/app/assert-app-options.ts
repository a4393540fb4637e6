import { isRecord } from "../core/is-record.ts";
import { assertLogger } from "../core/logger.ts";
import { assertKnownOptions, invalidOption, optionNames } from "../core/options.ts";
import type { AppOptions } from "./create-app.ts";

const NAMES = optionNames<AppOptions>({
  name: true,
  layer: true,
  layers: true,
  history: true,
  presence: true,
  broker: true,
  results: true,
  taskSettings: true,
  cache: true,
  logger: true,
});

/**
 * Throws when the options of an app are not what its types say; what is in them is checked by those they are for.
 *
 * @throws {TidingsError} OPTION_INVALID
 */
export function assertAppOptions(options: AppOptions): void {
  assertKnownOptions("an app", options, NAMES);
  const { name, layer, layers = {}, presence, taskSettings = {}, logger } = options;
  if (typeof name !== "string") throw invalidOption("name", "text", name);
  assertLogger(logger);
  const { broker, results, cache } = options;
  for (const [which, url] of Object.entries({ broker, results, cache })) {
    if (url !== undefined && typeof url !== "string") throw invalidOption(which, "a URL", url);
  }
  for (const [which, value] of Object.entries({ layers, taskSettings })) {
    if (!isRecord(value)) throw invalidOption(which, "an object", value);
  }
  for (const [which, source] of Object.entries({ layer, presence })) assertSource(which, source);
  for (const [which, source] of Object.entries(layers)) assertSource(`layers.${which}`, source);
}

function assertSource(name: string, source: unknown): void {
  if (source === undefined || typeof source === "string" || isRecord(source)) return;
  throw invalidOption(name, "a URL or settings", source);
}

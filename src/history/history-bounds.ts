import { assertKnownOptions, invalidOption, optionNames } from "../core/options.ts";
import type { HistoryBounds } from "./history.ts";

const MAX_SIZE = 10_000;
const MAX_AGE_MS = 86_400_000;

/** How long epoch and offset are kept after the group was last asked for: longer than any entry. */
export const EPOCH_TTL_MS: number = 2 * MAX_AGE_MS;
/** How many entries `since` returns if it is not told. */
export const DEFAULT_LIMIT = 1_000;

const NAMES = optionNames<HistoryBounds>({ size: true, ageMs: true });

/** Returns bounds with their defaults, or throws OPTION_INVALID. */
export function toHistoryBounds(
  bounds: HistoryBounds = {},
): HistoryBounds & { readonly size: number; readonly ageMs: number } {
  if (!isObject(bounds)) throw invalidOption("history", "`true`, or its bounds", bounds);
  assertKnownOptions("a history", bounds, NAMES);
  const { size = 100, ageMs = 300_000 } = bounds;
  if (!Number.isSafeInteger(size) || size < 1 || size > MAX_SIZE) {
    throw invalidOption("history.size", "an integer from 1 to 10,000", size);
  }
  if (!Number.isSafeInteger(ageMs) || ageMs < 1 || ageMs > MAX_AGE_MS) {
    throw invalidOption("history.ageMs", "1 to 86,400,000 whole milliseconds", ageMs);
  }
  return { size, ageMs };
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

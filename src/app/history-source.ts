import { invalidOption } from "../core/options.ts";
import { historyOfLayer, type GroupHistory, type HistorySettings } from "../history/index.ts";
import { MemoryLayer, type ChannelLayer, type LayerSettings } from "../layers/index.ts";
import { assertShared } from "./assert-shared.ts";

/** The URL of the histories of groups, their settings, or a history of your own. */
export type HistorySource = string | HistorySettings | GroupHistory;

/**
 * Where the histories of a layer's groups are; nowhere if nothing is said for a layer of one's own.
 *
 * @throws {TidingsError} APP_INVALID_DEFINITION for the memory of this process, when others are on the
 *   layer too: their members would wait for ever for what is kept here.
 */
export function toHistorySource(
  wanted: HistorySource | undefined,
  layer: string | LayerSettings | ChannelLayer,
): HistorySource | undefined {
  const beside = historyBeside(layer);
  if (wanted === undefined) return beside;
  if (!isSource(wanted)) {
    throw invalidOption("history", "a URL, settings, or a history of your own", wanted);
  }
  assertShared("history", urlOf(wanted), beside && urlOf(beside));
  return wanted;
}

function isSource(wanted: unknown): boolean {
  return typeof wanted === "string" || (typeof wanted === "object" && wanted !== null);
}

function historyBeside(layer: string | LayerSettings | ChannelLayer): HistorySource | undefined {
  if (typeof layer !== "object" || !("groupSend" in layer)) return historyOfLayer(layer);
  return layer instanceof MemoryLayer ? "memory:" : undefined;
}

function urlOf(source: HistorySource): string | undefined {
  if (typeof source === "string") return source;
  return "url" in source ? source.url : undefined;
}

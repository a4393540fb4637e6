import type { Logger } from "../core/logger.ts";
import type { ChannelLayer, LayerIncident } from "../layers/index.ts";

/** One line for each kind of incident and this long. */
const INTERVAL_MS = 1_000;

/** What a kind of incident has come to since its last line. */
interface Tally {
  count: number;
  last: LayerIncident;
}

/**
 * Logs what a layer could not deliver: the first incident of a kind at once, then at most one line
 * each second, with the count since the one before. Returns what ends it.
 */
export function reportIncidents(layer: ChannelLayer, logger: Logger): () => void {
  const tallies = new Map<string, Tally>();
  let timer: NodeJS.Timeout | undefined;
  const report = (): void => {
    timer = undefined;
    for (const [kind, { count, last }] of tallies) {
      if (count === 0) tallies.delete(kind);
      else {
        logIncident(logger, last, count);
        tallies.set(kind, { count: 0, last });
      }
    }
    if (tallies.size > 0) timer = setTimeout(report, INTERVAL_MS).unref();
  };
  const unlisten = layer.onIncident((incident) => {
    const kind = incident.kind === "dropped" ? `dropped ${incident.reason}` : incident.kind;
    const count = incident.kind === "dropped" ? incident.count : 1;
    const tally = tallies.get(kind);
    if (tally) {
      tally.count += count;
      tally.last = incident;
      return;
    }
    logIncident(logger, incident, count);
    tallies.set(kind, { count: 0, last: incident });
    timer ??= setTimeout(report, INTERVAL_MS).unref();
  });
  return () => {
    unlisten();
    clearTimeout(timer);
    report();
    clearTimeout(timer);
  };
}

function logIncident(logger: Logger, incident: LayerIncident, count: number): void {
  const fields = { ...incident, count };
  switch (incident.kind) {
    case "dropped":
      return logger.warn(fields, "the layer dropped messages");
    case "poison":
      return logger.error(fields, "the layer refused what is no message");
    case "gap":
      return logger.warn(fields, "the layer was cut off; messages may be missing");
  }
}

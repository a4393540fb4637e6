import type { LayerIncident, LayerIncidents } from "./layer.ts";

/** Counts what a layer could not deliver, and tells whoever wants to know. */
export class IncidentLog {
  readonly #counts = { dropped: 0, poison: 0, gap: 0 };
  readonly #listeners = new Set<(incident: LayerIncident) => void>();

  get counts(): LayerIncidents {
    return { ...this.#counts };
  }

  report(incident: LayerIncident): void {
    this.#counts[incident.kind] += incident.kind === "dropped" ? incident.count : 1;
    for (const listener of this.#listeners) listener(incident);
  }

  /** Tells a listener of every incident from now on; returns what ends it. */
  listen(listener: (incident: LayerIncident) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

import type { Application } from "../app/index.ts";
import type { HealthCheck } from "./health.ts";
import { layersOf } from "./layers-of.ts";

/**
 * The readiness of an application's drivers, by name.
 *
 * A driver that depends on something outside has `unavailable`: why it cannot be used at the moment.
 */
export function driverChecks(application: Application): ReadonlyMap<string, HealthCheck> {
  const { cache, tasks } = application.app;
  const checks = new Map<string, HealthCheck>([
    ["cache", () => unavailable(cache)],
    ["tasks", () => unavailable(tasks)],
  ]);
  for (const [name, layer] of layersOf(application)) {
    checks.set(name === "default" ? "layer" : `layer ${name}`, () => unavailable(layer));
  }
  return checks;
}

function unavailable(driver: object): string | undefined {
  if (!("unavailable" in driver)) return undefined;
  return typeof driver.unavailable === "string" ? driver.unavailable : undefined;
}

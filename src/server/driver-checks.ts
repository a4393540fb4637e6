import type { Application } from "../app/index.ts";
import type { HealthCheck } from "./health.ts";

/** The readiness of what an application depends on, by name: its layers. */
export function driverChecks({ app }: Application): ReadonlyMap<string, HealthCheck> {
  return new Map(
    [...app.layers].map(([name, layer]) => [
      name === "default" ? "layer" : `layer ${name}`,
      async () => {
        await layer.check();
        return undefined;
      },
    ]),
  );
}

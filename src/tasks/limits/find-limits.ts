import { TidingsError } from "../../core/errors.ts";
import type { Broker } from "../brokers/broker.ts";
import type { ResultStore } from "../results/result-store.ts";
import type { TaskDefinition } from "../task.ts";
import type { LimitStore } from "./limit-store.ts";

/** Where limits can be kept. */
export interface LimitPlaces {
  readonly broker: Broker;
  readonly results: ResultStore;
}

/** What counts for all workers and callers: with the broker, or else with the results. */
export function findLimits({ broker, results }: LimitPlaces): LimitStore | undefined {
  return broker.limits ?? results.limits;
}

/** Throws APP_INVALID_DEFINITION when nothing can count for all workers and callers, and a task needs it. */
export function assertLimits(
  places: LimitPlaces,
  { name, limits, unique }: Pick<TaskDefinition, "name" | "limits" | "unique">,
): void {
  const isShared = unique !== undefined || limits.some(({ scope }) => scope === "global");
  if (!isShared || findLimits(places)) return;
  throw new TidingsError(
    "APP_INVALID_DEFINITION",
    `expected results in redis:, sqlite: or memory: for the limits of task \`${name}\`, got a broker and results that cannot count for all workers`,
  );
}

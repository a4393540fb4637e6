import { TidingsError } from "../../core/errors.ts";
import type { Broker } from "../brokers/broker.ts";
import type { ResultStore } from "../results/result-store.ts";
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

/** Throws APP_INVALID_DEFINITION when there is nothing that can count for all of them. */
export function assertLimits(places: LimitPlaces, task: string): void {
  if (findLimits(places)) return;
  throw new TidingsError(
    "APP_INVALID_DEFINITION",
    `expected results in redis:, sqlite: or memory: for the limits of task \`${task}\`, got a broker and results that cannot count for all workers`,
  );
}

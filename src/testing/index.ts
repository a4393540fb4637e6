/**
 * Contract cases: what every driver must do, for drivers of your own.
 *
 * Each list is data, free of any test runner: `for (const { name, run } of layerCases)` make a test
 * that calls `run` with a function that makes your driver. Nothing in `src` imports this folder.
 *
 * @module
 */
export {
  brokerCases,
  type BrokerCase,
  type BrokerCaseOptions,
  type MakeBroker,
} from "./cases/broker.ts";
export { cacheCases, type CacheCase, type MakeCacheStore } from "./cases/cache.ts";
export {
  layerCases,
  type LayerCase,
  type LayerCaseOptions,
  type MakeLayer,
} from "./cases/layer.ts";
export { resultsCases, type MakeResults, type ResultsCase } from "./cases/results.ts";

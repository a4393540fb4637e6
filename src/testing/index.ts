/**
 * For tests: an application in this process, clients of its consumers, a clock; and contract cases.
 *
 * The cases are what every driver must do, for drivers of your own: data, free of any test runner.
 * `for (const { name, run } of layerCases)` make a test that calls `run` with a function that makes
 * your driver. Nothing in `src` imports this folder.
 *
 * @module
 */
export {
  brokerCases,
  brokerSearchCases,
  type BrokerCase,
  type BrokerCaseOptions,
  type MakeBroker,
} from "./cases/broker.ts";
export { cacheCases, type CacheCase, type MakeCacheStore } from "./cases/cache.ts";
export { chordsCases, type ChordsCase, type MakeChords } from "./cases/chords.ts";
export {
  controlChannelCases,
  type ControlChannelCase,
  type MadeControlChannel,
  type MakeControlChannel,
} from "./cases/control-channel.ts";
export {
  deadLettersCases,
  type DeadLettersCase,
  type DeadLettersCaseOptions,
  type MakeLetterBroker,
} from "./cases/dead-letters.ts";
export { presenceCases, type PresenceCase, type PresencePlace } from "./cases/presence.ts";
export { historyCases, type HistoryCase, type OpenHistory } from "./cases/history.ts";
export {
  layerCases,
  layerCasesFor,
  type LayerAbility,
  type LayerCase,
  type LayerCaseOptions,
  type LayerDriver,
  type MakeLayer,
} from "./cases/layer.ts";
export {
  limitsCases,
  type LimitsCase,
  type LimitsCaseOptions,
  type MakeLimits,
} from "./cases/limits.ts";
export {
  testApplication,
  TestApplication,
  type TestApplicationOptions,
  type TestConnectOptions,
} from "./test-application.ts";
export { TestConnection, type Opening, type WaitOptions } from "./test-connection.ts";
export { FragileHistory } from "./fragile-history.ts";
export { VirtualClock } from "./virtual-clock.ts";
export {
  resultsCases,
  resultsAgeCases,
  resultsRemovalCases,
  type MakeResults,
  type ResultsCase,
} from "./cases/results.ts";
export {
  sessionStoreCases,
  type MakeSessionStore,
  type SessionStoreCase,
} from "./cases/session-store.ts";

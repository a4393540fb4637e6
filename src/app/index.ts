/**
 * Applications: drivers chosen by URL, and what runs on them.
 *
 * Where both halves of Tidings are put side by side. Must never know a server or the command line.
 *
 * @module
 */
export {
  application,
  assertApplication,
  type Application,
  type ApplicationOptions,
  type FetchHandler,
} from "./application.ts";
export {
  createApp,
  type App,
  type AppOptions,
  type GroupSendOptions,
  type LayerSource,
} from "./create-app.ts";
export type { AppDrivers } from "./describe-drivers.ts";
export type { HistorySource } from "./history-source.ts";

/**
 * Tidings: live pages and background work that belong together.
 *
 * What an application's server side needs, in one import. The browser's side is `tidings/client`.
 *
 * @module
 */
export {
  application,
  createApp,
  type App,
  type AppDrivers,
  type AppOptions,
  type Application,
  type ApplicationOptions,
  type FetchHandler,
} from "./app/index.ts";
export type { Cache } from "./cache/index.ts";
export {
  backgroundConsumer,
  consumer,
  feed,
  feedConnection,
  forward,
  httpConsumer,
  refresh,
  under,
  use,
  type Connection,
  type ConsumerDefinition,
  type Disconnect,
  type FeedDefinition,
  type Middleware,
  type Register,
  type Route,
  type RouteContext,
  type User,
} from "./channels/index.ts";
export { isTidingsError, TidingsError, ERROR_CODES, type ErrorCode } from "./core/errors.ts";
export {
  allowedOrigins,
  authorize,
  cookieSessions,
  djangoCache,
  djangoDatabase,
  djangoSessions,
  djangoSignedCookies,
  openSessionStore,
  requireUser,
  sessionAuth,
  storedSessions,
  tokenAuth,
  type Session,
  type Sessions,
  type SessionStore,
  type TokenClaims,
} from "./identity/index.ts";
export type { ChannelLayer, LayerMessage } from "./layers/index.ts";
export { taskFeed } from "./live/index.ts";
export {
  createServer,
  mount,
  type Mount,
  type MountOptions,
  type Server,
  type ServerOptions,
} from "./server/index.ts";
export { createSignal, type Signal } from "./signals/index.ts";
export {
  currentTask,
  Ignore,
  Reject,
  Retry,
  type AsyncResult,
  type Task,
  type TaskRecord,
} from "./tasks/index.ts";

/**
 * What users write: consumers, feeds, routes and middleware, and the engines that run them.
 *
 * A consumer is one kind of connection, a feed is one URL that many follow. Knows channel layers and
 * the event envelope; must never know a socket, an HTTP server or a task.
 *
 * @module
 */
export type { ConnectionPort, Payload } from "./connection-port.ts";
export type { AcceptOptions, Connection, Disconnect } from "./connection.ts";
export { ConsumerSession, type ConsumerSessionOptions } from "./consumer-session.ts";
export {
  consumer,
  type ConsumerConnection,
  type ConsumerDefinition,
  type ConsumerHandlers,
  type ConsumerOptions,
  type EventHandler,
  type EventOf,
  type EventSchemas,
} from "./consumer.ts";
export { EventDispatch, type Reaction } from "./event-dispatch.ts";
export {
  FeedSource,
  type FeedPage,
  type FeedSourceOptions,
  type Follower,
  type ReadOptions,
} from "./feed-source.ts";
export { FeedSources, type FeedSourcesOptions } from "./feed-sources.ts";
export {
  feed,
  type FeedContext,
  type FeedDefinition,
  type FeedOptions,
  type FeedReaction,
  type FeedRequest,
  type YieldedEvent,
} from "./feed.ts";
export { forward, type Forward } from "./forward.ts";
export { compilePath, type CompiledPath, type Params, type PathParams } from "./path.ts";
export { refresh, type Refresh } from "./refresh.ts";
export { toErrorResponse, type Refusal } from "./refusal.ts";
export { RouteContext, type Middleware, type RouteContextOptions } from "./route-context.ts";
export {
  Router,
  use,
  type Definition,
  type Route,
  type RouteGroup,
  type RouteMatch,
} from "./routes.ts";
export type { Register, User } from "./user.ts";

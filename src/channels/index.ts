/**
 * What users write: consumers, feeds, routes and middleware, and the engines that run them.
 *
 * A consumer is one kind of connection, a feed is one URL that many follow. Knows channel layers and
 * the event envelope; must never know a socket, an HTTP server or a task.
 *
 * @module
 */
export type { BackgroundChannelStatus } from "./background-channel.ts";
export {
  backgroundConsumer,
  type BackgroundConsumer,
  type BackgroundConsumerOptions,
  type BackgroundContext,
} from "./background-consumer.ts";
export {
  BackgroundWorker,
  type BackgroundChannels,
  type BackgroundWorkerOptions,
} from "./background-worker.ts";
export {
  readCloseUserMessage,
  SERVERS_GROUP,
  toCloseMessage,
  toCloseUserMessage,
  UNAUTHORIZED,
  type Closing,
} from "./close-message.ts";
export type {
  ClientFrame,
  ConnectionPort,
  Content,
  Note,
  Outcome,
  Payload,
} from "./connection-port.ts";
export type {
  AcceptOptions,
  Connection,
  Disconnect,
  GroupAddOptions,
  KeepOptions,
} from "./connection.ts";
export { ConsumerSession, type ConsumerSessionOptions } from "./consumer-session.ts";
export type {
  ConsumerConnection,
  ConsumerOptions,
  EventHandler,
  EventOf,
  MessageSchemas,
  SchemasByType,
  SlowConsumerPolicy,
} from "./consumer-options.ts";
export {
  consumer,
  type ConsumerDefinition,
  type ConsumerHandlers,
  type MessageKind,
  type MessageKinds,
} from "./consumer.ts";
export { EventDispatch, type Reaction } from "./event-dispatch.ts";
export { feedConnection, type FeedConnectionOptions } from "./feed-connection.ts";
export { FeedSource, type FeedPage, type FeedSourceOptions, type Follower } from "./feed-source.ts";
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
export type { AskedFeed, FeedListener, FollowFeed } from "./follow-feed.ts";
export { forward, type Forward } from "./forward.ts";
export { ChannelInbox } from "./channel-inbox.ts";
export {
  httpConsumer,
  type HttpConsumerDefinition,
  type HttpConsumerOptions,
  type HttpContext,
} from "./http-consumer.ts";
export { toJsonValue } from "./json-value.ts";
export { isAllowed } from "./is-allowed.ts";
export { KeptRequest } from "./kept-request.ts";
export { compilePath, type CompiledPath, type Params, type PathParams } from "./path.ts";
export { refresh, type Refresh } from "./refresh.ts";
export { deny, offerScheme, type DenialMessages } from "./denial.ts";
export { toErrorResponse, type Refusal } from "./refusal.ts";
export { RouteContext, type Middleware, type RouteContextOptions } from "./route-context.ts";
export {
  Router,
  under,
  use,
  type Definition,
  type Route,
  type RoutedDefinition,
  type RouteGroup,
  type RouteMatch,
} from "./routes.ts";
export { userKey, userKeysOf } from "./user-key.ts";
export type { Register, User } from "./user.ts";

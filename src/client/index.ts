/**
 * The client, for browsers and Node.js: follow a feed, connect to a consumer, follow a task.
 *
 * Main words: `follow` (events, over any transport, resumed by cursor), `connect` (messages both ways),
 * `Status`. One loop, `reconnecting.ts`, makes attempts; a transport is one attempt, and
 * `first-that-works.ts` chooses it. No file here knows
 * a server's code: of its definitions only the types are taken.
 *
 * @module
 */
export { isTidingsError, TidingsError, type ErrorCode } from "../core/errors.ts";
export { connectFeeds, type ConnectFeedsOptions, type FeedsConnection } from "./connect-feeds.ts";
export type { ConnectOptions, QueueOptions, ResetListener } from "./connect-options.ts";
export { connect } from "./connect.ts";
export type { ClientConnection, ClientConnectionOptions, SendOptions } from "./connection.ts";
export type {
  AnyEvent,
  ConsumerTypes,
  ErrorMessage,
  EventFrom,
  EventNamed,
  MessageTo,
  ReplyTo,
  TypeOf,
} from "./consumer-types.ts";
export {
  follow,
  type DataOf,
  type FeedTypes,
  type FollowedEvent,
  type FollowOptions,
} from "./follow.ts";
export { followShared } from "./follow-shared.ts";
export {
  followTask,
  type FollowedChild,
  type FollowedProgress,
  type FollowedState,
  type FollowedTask,
  type FollowTaskOptions,
} from "./follow-task.ts";
export type { Closing, Status, StatusChange, StatusListener } from "./status.ts";
export type { TokenSource } from "./token.ts";
export type { TrafficListener, TrafficTotals } from "./traffic.ts";
export {
  TRANSPORTS,
  type TransportChoice,
  type TransportName,
} from "./transports/transport-names.ts";

import { userKey as toUserKey, type User } from "../channels/index.ts";
import { assertKnownOptions, assertPositiveInteger, invalidOption } from "../core/options.ts";

/** What a server lets its clients use. Each has a default that suits most applications. */
export interface ServerLimits {
  /** The largest WebSocket message of a client; a larger one closes with 1009. @default 1 MiB */
  readonly maxMessageBytes: number;
  /** In how many frames a client may send one message; more close with 1008. @default 1_024 */
  readonly maxFragments: number;
  /** The largest body of a request; a larger one is answered with 413. @default 1 MiB */
  readonly maxBodyBytes: number;
  /** The largest header of a request; a larger one is answered with 431. @default 16 KiB */
  readonly maxHeaderBytes: number;
  /**
   * What may wait for one slow client; beyond it the consumer's `slowConsumer` decides, a stream is
   * cut off. @default 4 MiB
   */
  readonly maxOutboxBytes: number;
  /**
   * Connections that stay open, WebSockets and streams together; beyond it 503. `Infinity` is no
   * limit. @default 100_000
   */
  readonly maxConnections: number;
  /**
   * Those of one address; beyond it 429. Of IPv6 the first 64 bits count, which one customer has.
   * Loopback addresses are not limited. Behind a proxy, name it in `trustedProxies`, or all clients
   * have its address. @default 10_000
   */
  readonly maxConnectionsPerAddress: number;
  /** Those of one user; beyond it 429. @default Infinity */
  readonly maxConnectionsPerUser: number;
  /** Who counts as one user. @default `user.id`, or `user.name` when it has none */
  readonly userKey: (user: User) => string;
  /**
   * Messages and pings that one WebSocket may send each second; a faster one is read more slowly,
   * one that is ten seconds ahead is closed with 1008. @default 1_000
   */
  readonly maxMessagesPerSecond: number;
  /** How many messages may come at once after a pause. @default `maxMessagesPerSecond` */
  readonly maxMessageBurst: number;
  /**
   * How long a client may take to send its header, and the application to answer a handshake or let
   * a follower through (middleware, `authorize`, `connect`); then 503. @default 10_000
   */
  readonly handshakeTimeoutMs: number;
  /** How long a whole request may take to arrive; then 408. @default 60_000 */
  readonly requestTimeoutMs: number;
  /**
   * How long a connection without a request is kept. Longer than the 60 seconds of most proxies, so
   * that it is the proxy that closes it. @default 65_000
   */
  readonly keepAliveTimeoutMs: number;
  /**
   * How long a WebSocket may send no message before it is closed with 1000. Pongs do not count; it is
   * looked at with each heartbeat. @default Infinity
   */
  readonly idleTimeoutMs: number;
  /**
   * How often open connections are shown that we live, in milliseconds. A WebSocket that does not
   * answer one ping before the next is cut off.
   *
   * The default is the advice of WHATWG HTML §9.2, and below the minute after which proxies give up. It
   * is also the most: clients leave a server that has been silent for two of them, and 5 s.
   *
   * @default 15_000
   */
  readonly heartbeatMs: number;
  /**
   * How long a consumer's connection over HTTP lives on when nobody reads it: between two polls, or
   * after its stream broke. Until then it is gone on with; nothing is lost or repeated.
   * @default 30_000
   */
  readonly resumeMs: number;
  /** Requests that one HTTP/2 connection may have open, streams among them. @default 256 */
  readonly maxStreamsPerConnection: number;
}

/** A limit that is a number: all but `userKey`. */
export type LimitName = Exclude<keyof ServerLimits, "userKey">;

/** PROTOCOL.md 4.4 promises it. */
const MAX_HEARTBEAT_MS = 15_000;
const KIB = 1024;
const MIB = 1024 * KIB;

/** Limits for which `Infinity` means none. */
const UNLIMITED = [
  "maxConnections",
  "maxConnectionsPerAddress",
  "maxConnectionsPerUser",
  "maxMessagesPerSecond",
  "maxMessageBurst",
  "idleTimeoutMs",
] as const;

/** The names of the limits that are numbers. */
export const LIMIT_NAMES: readonly LimitName[] = [
  "maxMessageBytes",
  "maxFragments",
  "maxBodyBytes",
  "maxHeaderBytes",
  "maxOutboxBytes",
  ...UNLIMITED,
  "handshakeTimeoutMs",
  "requestTimeoutMs",
  "keepAliveTimeoutMs",
  "heartbeatMs",
  "resumeMs",
  "maxStreamsPerConnection",
];

const NAMES: ReadonlySet<string> = new Set([...LIMIT_NAMES, "userKey"]);

/**
 * Fills in the defaults.
 *
 * @throws {TidingsError} OPTION_INVALID for a limit that is no positive integer, or that nobody knows, or a
 *   heartbeat that is too rare.
 */
export function toLimits(limits: Partial<ServerLimits> = {}): ServerLimits {
  assertKnownOptions("`limits`", limits, NAMES);
  const { userKey = toUserKey, maxMessagesPerSecond = 1_000 } = limits;
  const numbers: Record<LimitName, number> = {
    maxMessageBytes: limits.maxMessageBytes ?? MIB,
    maxFragments: limits.maxFragments ?? 1_024,
    maxBodyBytes: limits.maxBodyBytes ?? MIB,
    maxHeaderBytes: limits.maxHeaderBytes ?? 16 * KIB,
    maxOutboxBytes: limits.maxOutboxBytes ?? 4 * MIB,
    maxConnections: limits.maxConnections ?? 100_000,
    maxConnectionsPerAddress: limits.maxConnectionsPerAddress ?? 10_000,
    maxConnectionsPerUser: limits.maxConnectionsPerUser ?? Infinity,
    maxMessagesPerSecond,
    maxMessageBurst: limits.maxMessageBurst ?? maxMessagesPerSecond,
    handshakeTimeoutMs: limits.handshakeTimeoutMs ?? 10_000,
    requestTimeoutMs: limits.requestTimeoutMs ?? 60_000,
    keepAliveTimeoutMs: limits.keepAliveTimeoutMs ?? 65_000,
    idleTimeoutMs: limits.idleTimeoutMs ?? Infinity,
    heartbeatMs: limits.heartbeatMs ?? MAX_HEARTBEAT_MS,
    resumeMs: limits.resumeMs ?? 30_000,
    maxStreamsPerConnection: limits.maxStreamsPerConnection ?? 256,
  };
  for (const [name, value] of Object.entries(numbers)) {
    if (value === Infinity && UNLIMITED.some((unlimited) => unlimited === name)) continue;
    assertPositiveInteger(name, value);
  }
  if (numbers.heartbeatMs > MAX_HEARTBEAT_MS) {
    throw invalidOption("heartbeatMs", `at most ${MAX_HEARTBEAT_MS}`, numbers.heartbeatMs);
  }
  if (typeof userKey !== "function") throw invalidOption("userKey", "a function", userKey);
  return { ...numbers, userKey };
}

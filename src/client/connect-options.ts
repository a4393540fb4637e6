import type { ResetReason } from "../protocol/index.ts";
import type { StatusListener } from "./status.ts";
import type { TokenSource } from "./token.ts";
import type { TrafficListener } from "./traffic.ts";
import type { TransportChoice } from "./transports/transport-names.ts";

/** How to connect. */
export interface ConnectOptions {
  /** Closes the connection. */
  readonly signal?: AbortSignal | undefined;
  /** For a server that asks for a token: makes one before every handshake. */
  readonly token?: TokenSource | undefined;
  /** Told of every change of status, the first one included. */
  readonly onStatus?: StatusListener | undefined;
  /** Told when something that was sent cannot be told any more, and why: ask for the state anew. */
  readonly onReset?: ResetListener | undefined;
  /**
   * How to connect: one way, or several in the order in which they are tried. Whichever it is, nothing is
   * lost or repeated, also when it changes.
   *
   * @default websocket, sse, long-poll, poll
   */
  readonly transport?: TransportChoice | undefined;
  /** How long plain polling rests between two requests, in milliseconds: below 30_000. @default 5_000 */
  readonly pollMs?: number | undefined;
  /** Told of requests and bytes, whenever there are more. */
  readonly onTraffic?: TrafficListener | undefined;
  /** How many messages may wait while there is no connection. */
  readonly queue?: QueueOptions | undefined;
  /**
   * For a server that does not speak `tidings.v1`, as Channels: over a WebSocket, whose frames carry the
   * application's JSON and nothing else. What is sent while it is away is lost, `send` cannot tell what
   * became of a message, and `request` is not possible.
   *
   * @default false
   */
  readonly plain?: boolean | undefined;
}

/** How many messages may wait. */
export interface QueueOptions {
  /** While there is no connection. @default 100 */
  readonly maxMessages?: number | undefined;
}

/**
 * Told that something which a consumer has sent in between cannot be told any more, and why:
 * `connection-gone` when another connection had to be begun, which has the missed messages of groups with
 * a history only; `too-far`, `evicted` or `epoch-changed` when it, or a group's history, went not so far back.
 *
 * `isRecovered` says that another connection was begun, and that nothing of its groups is missed: all of
 * them have a history, and it went back far enough.
 */
export type ResetListener = (reason: ResetReason | "connection-gone", isRecovered: boolean) => void;

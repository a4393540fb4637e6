import type { TransportName } from "./transports/transport-names.ts";

/**
 * How a connection is doing.
 *
 * | status     | what is true                              | left when                              |
 * | ---------- | ----------------------------------------- | -------------------------------------- |
 * | connecting | an attempt to reach the server is made    | it answers, cannot be reached, refuses |
 * | open       | messages and events flow                  | the connection breaks, or ends         |
 * | waiting    | the next attempt is made in `retryInMs`   | that time is over, or the network or the tab is back |
 * | closed     | it is over for good                       | never                                  |
 */
export type Status = "connecting" | "open" | "waiting" | "closed";

/** A change of a connection's {@link Status}, whatever carries it. */
export interface AttemptChange extends Closing {
  readonly status: Status;
  /** While waiting: when the next attempt is made, at the latest. */
  readonly retryInMs?: number | undefined;
}

/** A change of a connection's {@link Status}. */
export interface StatusChange extends AttemptChange {
  /** What it is about: what is used, or tried. */
  readonly transport: TransportName;
}

/** Why a connection is not open any more. */
export interface Closing {
  /** The WebSocket's close code; 4000 + the status when the server refused with an HTTP status. */
  readonly code?: number | undefined;
  /** What the server said, or what happened. */
  readonly reason?: string | undefined;
}

/** Told of every change of status. */
export type StatusListener = (change: StatusChange) => void;

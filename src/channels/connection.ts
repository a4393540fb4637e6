import type { HistoryBounds } from "../history/index.ts";
import type { OutgoingMessage } from "../layers/index.ts";
import type { ConnectionPort } from "./connection-port.ts";
import type { FollowFeed } from "./follow-feed.ts";
import type { Params } from "./path.ts";
import type { RouteContext } from "./route-context.ts";
import type { User } from "./user.ts";

/** How to accept a connection. */
export interface AcceptOptions {
  /** One of the subprotocols that the client offers. */
  readonly subprotocol?: string | undefined;
  /** Headers of the handshake's answer. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** How to join a group. */
export interface GroupAddOptions {
  /** Whether nothing that the group's history has is missed. @default the consumer's `history` */
  readonly history?: boolean | undefined;
}

/** How to send to a group. */
export interface KeepOptions {
  /** Keeps the message for those who come back, within bounds if given. @default the consumer's */
  readonly history?: boolean | HistoryBounds | undefined;
}

/** What a connection is made of. */
export interface ConnectionParts {
  readonly context: RouteContext;
  readonly port: ConnectionPort;
  /** Follows feeds for its client; there are none without a server. */
  readonly followFeed?: FollowFeed | undefined;
}

/** Why a connection ended. */
export interface Disconnect {
  /** The close code of RFC 6455 §7.4; 1006 when the connection just broke. */
  readonly code: number;
  readonly reason: string;
}

/**
 * One client's connection, as the handlers of a consumer see it.
 *
 * Its handlers run one after another; those of different connections run side by side. When it ends
 * it leaves its groups. What is sent after the end is dropped.
 */
export interface Connection<
  TParams = Params,
  TState = unknown,
  TMessage extends OutgoingMessage = OutgoingMessage,
> {
  readonly params: TParams;
  /** Who is there, or `null`. */
  readonly user: User | null;
  /** What the consumer's `state` returned for this connection; yours to change. */
  readonly state: TState;
  /** The name under which `layer.send` reaches exactly this connection. */
  readonly channelName: string;
  /** The request that asked for the connection. */
  readonly request: Request;
  /** @internal */
  readonly parts: ConnectionParts;
  /** Fires when the connection ends; give it to what a handler waits for. */
  readonly signal: AbortSignal;

  /** Accepts the connection before `connect` returns, which otherwise does it. */
  accept(options?: AcceptOptions): void;
  /**
   * Refuses the connection; only in `connect`, and before it is accepted.
   *
   * 400 to 599 answers the handshake with that HTTP status, which browsers do not show to scripts.
   * 1008 and 3000 to 4999 complete the handshake and close it with that code, which they do.
   */
  reject(code: number, reason?: string): void;
  /** Sends JSON to the client, accepting the connection if need be. */
  send(data: unknown): void;
  /** Sends a text as it is, which need not be JSON. */
  sendText(text: string): void;
  /** Sends a binary message. The bytes must not change any more. */
  sendBytes(bytes: Uint8Array): void;
  /** Closes the connection; `reason` is cut to the 123 bytes that a frame can carry. @default 1000 */
  close(code?: number, reason?: string): void;

  /**
   * Joins a group: what is sent to it reaches this connection's `on` handlers.
   *
   * With `history`, what its client has missed comes first, when it comes back with a cursor; or it is
   * told that it cannot be told any more.
   */
  groupAdd(group: string, options?: GroupAddOptions): Promise<void>;
  /** Leaves a group. */
  groupDiscard(group: string): Promise<void>;
  /** Sends an event to every member of a group, this connection included if it is one. */
  groupSend(group: string, message: TMessage, options?: KeepOptions): Promise<void>;
}

import type { ResetReason } from "../history/index.ts";
import type { MessageId, MessageProblem } from "../protocol/index.ts";
import type { AcceptOptions } from "./connection.ts";

/**
 * What may go to many connections, to clients of any subprotocol; its object identity lets it be
 * encoded once.
 */
export type Payload = Content | Note;

/** What the application sends. */
export type Content =
  | { readonly json: string }
  | { readonly text: string }
  | { readonly bytes: Uint8Array };

/** That what was missed of a group cannot be told; without a reason, only positions are. */
export interface Note {
  readonly reset: ResetReason | undefined;
}

/** What a client sent. */
export type ClientFrame =
  /** A text message as it is. */
  | { readonly text: string }
  | { readonly bytes: Uint8Array; readonly id?: MessageId | undefined }
  /** JSON that has been read already; with an id, the client wants to know what becomes of it. */
  | { readonly data: unknown; readonly id: MessageId | undefined }
  /** What the transport could not read, but for its id perhaps. */
  | { readonly problem: MessageProblem; readonly id: MessageId | undefined };

/** What became of a client's message: its reply as JSON, if it has one, or what was wrong. */
export type Outcome = { readonly json: string | undefined } | { readonly problem: MessageProblem };

/**
 * What carries a consumer's connection: the little that the engine asks of a transport.
 *
 * Calls after the connection's end do nothing.
 */
export interface ConnectionPort {
  /** Completes the handshake. */
  accept(options: AcceptOptions): void;
  /** Answers the handshake with an HTTP error instead. */
  refuse(status: number, message: string): void;
  /**
   * Sends to the client, without waiting for it.
   *
   * `positions` is where the connection is in the histories of its groups once the client has this: a
   * cursor, which goes on from there.
   */
  send(payload: Payload, positions?: string): void;
  /** Tells what became of the message with this id; without one, what was wrong with a message. */
  answer(id: MessageId | undefined, outcome: Outcome): void;
  close(code: number, reason: string): void;
  /** Stops reading from the client, which then cannot send more than its buffers hold. */
  pause(): void;
  resume(): void;
}

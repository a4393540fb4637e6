import type { AcceptOptions } from "./connection.ts";

/** JSON text that may go to many connections; its object identity lets it be encoded once. */
export interface Payload {
  readonly json: string;
}

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
  /** Sends to the client, without waiting for it. */
  send(payload: Payload): void;
  close(code: number, reason: string): void;
  /** Stops reading from the client, which then cannot send more than its buffers hold. */
  pause(): void;
  resume(): void;
}

import type { Closing } from "../status.ts";
import type { TokenSource } from "../token.ts";
import type { Traffic } from "../traffic.ts";

/** What a transport is asked to do. */
export interface TransportRequest {
  /** The address of the feed or the consumer, with http or https. */
  readonly url: URL;
  readonly place: Place;
  readonly token?: TokenSource | undefined;
  readonly signal: AbortSignal;
  readonly traffic?: Traffic | undefined;
  /** How long plain polling rests between two requests. */
  readonly pollMs: number;
  /** How many frames may wait for a slow reader, where it cannot be slowed down itself. */
  readonly maxBuffered: number;
  /** To be called whenever the server has answered. */
  readonly opened: () => void;
  /** Whether a WebSocket offers no subprotocol, for a server that does not speak ours. */
  readonly isPlain?: boolean | undefined;
  /** Told of a WebSocket that has opened, before `opened`. */
  readonly onSocket?: ((socket: WebSocket) => void) | undefined;
}

/** Where a reader is: after the last frame that it was given. */
export interface Place {
  cursor: string | undefined;
}

/**
 * One way to hear a feed or a consumer: yields its frames, beginning after the place's cursor.
 *
 * What a frame is, is the same over all of them (PROTOCOL.md 2 and 10.8), and for the reader to check.
 *
 * - It MUST return when nothing more will come, and only then (or when the signal has fired).
 * - It MUST throw a {@link TidingsError} when asking again is of no use, and anything else when it is.
 * - It MUST NOT hold more than `maxBuffered` frames, or one answer, that the reader has not taken.
 */
export type Transport = (request: TransportRequest) => AsyncGenerator<unknown, Closing>;

/** What a transport returns when nothing more will come. */
export const ENDED: { readonly reason: string } = { reason: "it has ended" };

import type { FeedEvent } from "../../protocol/index.ts";
import type { Closing } from "../status.ts";
import type { TokenSource } from "../token.ts";
import type { Traffic } from "../traffic.ts";

/** What a transport is asked to do. */
export interface TransportRequest {
  /** The feed's address, with http or https. */
  readonly url: URL;
  readonly place: Place;
  readonly token?: TokenSource | undefined;
  readonly signal: AbortSignal;
  readonly traffic: Traffic;
  /** How long plain polling rests between two requests. */
  readonly pollMs: number;
  /** How many events may wait for a slow reader, where it cannot be slowed down itself. */
  readonly maxBuffered: number;
  /** To be called whenever the server has answered. */
  readonly opened: () => void;
}

/** Where a reader is in a feed: after the last event that it was given. */
export interface Place {
  cursor: string | undefined;
}

/**
 * One way to hear a feed: yields its events, beginning after the place's cursor.
 *
 * - It MUST return when the feed has ended, and only then (or when the signal has fired).
 * - It MUST throw a {@link TidingsError} when asking again is of no use, and anything else when it is.
 * - It MUST NOT hold more than `maxBuffered` events, or one answer, that the reader has not taken.
 */
export type Transport = (request: TransportRequest) => AsyncGenerator<FeedEvent, Closing>;

/** What a transport returns when the feed has ended. */
export const ENDED: Closing = { reason: "the feed has ended" };

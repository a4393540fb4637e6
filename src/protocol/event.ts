/** One event of a feed, the same on every delivery. */
export interface FeedEvent {
  /** Where to go on after this event. Opaque and URL-safe. */
  readonly cursor: string;
  /** What happened, in JSON. */
  readonly data: unknown;
  /** Present when the client's cursor could not be continued from: this is the state, from anew. */
  readonly reset?: true;
}

/** The WebSocket subprotocol with which frames carry the whole event instead of its data alone. */
export const SUBPROTOCOL = "tidings.v1";

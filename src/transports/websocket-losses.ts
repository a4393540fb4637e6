/** What a transport has not delivered so far. */
export interface WebSocketLosses {
  /** Messages that were dropped or conflated because their client was slow. */
  dropped: number;
  /** Connections that were cut off because they were slow. */
  tooSlow: number;
  /** Connections that were closed because they sent too fast. */
  tooFast: number;
}

import { toError } from "../core/errors.ts";

/** What is known of an {@link Interruption} besides its message. */
export interface InterruptionDetails {
  /** The WebSocket's close code; 4000 + the status when the server answered with an HTTP status. */
  readonly code?: number | undefined;
  /** How long the server asks to wait. */
  readonly retryAfterMs?: number | undefined;
  /** Broken off by ourselves, with the server well: to be tried again at once. */
  readonly isOurs?: boolean | undefined;
  /** The server is there, but cannot be reached this way. */
  readonly isBlocked?: boolean | undefined;
}

/** A connection that broke, and may be tried again. Every {@link TidingsError} instead is final. */
export class Interruption extends Error {
  readonly details: InterruptionDetails;

  constructor(message: string, details: InterruptionDetails = {}) {
    super(message);
    this.details = details;
  }

  /** What `fetch` and its like throw says the same: the network is away. */
  static from(thrown: unknown): Interruption {
    return thrown instanceof Interruption ? thrown : new Interruption(toError(thrown).message);
  }
}

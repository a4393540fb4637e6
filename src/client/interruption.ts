import { toError } from "../core/errors.ts";
import type { Closing } from "./status.ts";

/** What is known of an {@link Interruption} besides its message. */
export interface InterruptionOptions {
  /** The WebSocket's close code. */
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
  static {
    this.prototype.name = "Interruption";
  }

  readonly code: number | undefined;
  readonly retryAfterMs: number;
  readonly isOurs: boolean;
  readonly isBlocked: boolean;

  constructor(
    message: string,
    { code, retryAfterMs = 0, isOurs = false, isBlocked = false }: InterruptionOptions = {},
  ) {
    super(message);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
    this.isOurs = isOurs;
    this.isBlocked = isBlocked;
  }

  /** What `fetch` and its like throw says the same: the network is away. */
  static from(thrown: unknown): Interruption {
    return thrown instanceof Interruption ? thrown : new Interruption(toError(thrown).message);
  }

  get closing(): Closing {
    return { code: this.code, reason: this.message };
  }
}

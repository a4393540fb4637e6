import { assertDuration } from "../core/options.ts";

/** How to throw a {@link Reject}. */
export interface RejectRequest {
  /** Whether the message goes back to the end of its queue, for any worker, rather than being dropped. @default false */
  readonly requeue?: boolean | undefined;
  /** How long it waits there. @default 0 */
  readonly countdownMs?: number | undefined;
  /** Why, for the log. */
  readonly reason?: string | undefined;
}

/**
 * Thrown by a task that does not want its message: it goes back, or is dropped, or is a dead letter if the task has
 * `deadLetter`. Nothing is recorded.
 *
 * What goes back runs again, and counts no retry: a task that always throws this runs for ever.
 *
 * @example
 * if (!isPrinterHere()) throw new Reject({ requeue: true, countdownMs: 1_000 });
 */
export class Reject extends Error {
  static {
    this.prototype.name = "Reject";
  }

  readonly requeue: boolean;
  readonly countdownMs: number;

  constructor({ requeue = false, countdownMs = 0, reason }: RejectRequest = {}) {
    super(reason ?? "the task rejected its message");
    this.requeue = requeue;
    this.countdownMs = assertDuration("countdownMs", countdownMs);
  }
}

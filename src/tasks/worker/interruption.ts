import { setTimeout as delay } from "node:timers/promises";

import { TidingsError } from "../../core/errors.ts";
import { TaskAbort } from "./task-abort.ts";

/** Why a running task is asked to end early. */
export type InterruptionKind = "cancelled" | "stopping" | "time-limit" | "lease-lost";

/** How long a task has to end by itself after its signal fired. */
const GRACE_MS: Readonly<Record<InterruptionKind, number>> = {
  cancelled: 5_000,
  stopping: 1_000,
  "time-limit": 0,
  "lease-lost": 5_000,
};

/**
 * The way to end a running task early: its signal fires, and it is waited for only so long.
 *
 * The first interruption counts, except that a lost lease, which leaves nothing to store, counts more.
 * The time that is left only gets shorter: a cancelled task does not hold up a worker that stops.
 */
export class Interruption {
  readonly #abort = new TaskAbort();
  #overdue: PromiseWithResolvers<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #waiting: AbortController | undefined;
  #isOverdue = false;
  #deadline = Infinity;
  #kind: InterruptionKind | null = null;
  #failure: Error | undefined;
  #warning: TidingsError | undefined;

  get kind(): InterruptionKind | null {
    return this.#kind;
  }

  /** What the task has failed with, though its function has not ended. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Why its signal has fired, though it was not interrupted. */
  get warning(): TidingsError | undefined {
    return this.#warning;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Resolves when the task has been interrupted and has not ended in time. */
  get overdue(): Promise<void> {
    if (!this.#overdue) {
      this.#overdue = Promise.withResolvers();
      if (this.#isOverdue) this.#overdue.resolve();
    }
    return this.#overdue.promise;
  }

  get isOverdue(): boolean {
    return this.#isOverdue;
  }

  /** `graceMs` is how long the task has to end by itself. */
  interrupt(kind: InterruptionKind, graceMs: number = GRACE_MS[kind]): void {
    this.#endWithin(graceMs);
    if (this.#kind === null) {
      this.#kind = kind;
      this.#abort.abort(toReason(kind));
    }
    if (kind === "lease-lost") this.#kind = kind;
    this.#waiting?.abort();
  }

  /** Ends the task at once, with an error that its function did not throw. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#abort.abort(error);
    this.#endWithin(0);
  }

  /** Fires the signal, and leaves it to the task what to make of it. */
  warn(reason: TidingsError): void {
    if (this.#kind === null) this.#warning ??= reason;
    this.#abort.abort(reason);
  }

  /** Waits so long, or until it is interrupted. A warning is the task's business: it ends no wait. */
  async wait(waitMs: number): Promise<void> {
    if (this.#kind !== null) return;
    this.#waiting = new AbortController();
    try {
      await delay(waitMs, undefined, { signal: this.#waiting.signal });
    } catch {
      // Interrupted: who waited looks at `kind`.
    }
  }

  /** Ends the waiting: the task has ended. */
  close(): void {
    clearTimeout(this.#timer);
  }

  #endWithin(graceMs: number): void {
    const deadline = performance.now() + graceMs;
    if (deadline >= this.#deadline) return;
    this.#deadline = deadline;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#isOverdue = true;
      this.#overdue?.resolve();
    }, graceMs);
  }
}

function toReason(kind: InterruptionKind): TidingsError {
  switch (kind) {
    case "cancelled":
      return new TidingsError("TASK_CANCELLED", "the task was cancelled");
    case "stopping":
      return new TidingsError("TASK_CANCELLED", "the worker stops; the task will run again");
    case "time-limit":
      return new TidingsError("TASK_TIME_LIMIT", "the task has reached its time limit");
    case "lease-lost":
      return new TidingsError("TASK_LEASE_LOST", "another worker has taken the task over");
  }
}

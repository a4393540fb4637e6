/** How a request went. */
export const OUTCOMES = [
  "ok",
  /** The channel has no room; whoever holds it has counted that. */
  "full",
  /** Its process takes no more, or does not answer: what it was asked may happen all the same. */
  "busy",
  /** Nobody listens there any more. */
  "gone",
  /** The process has ended; nobody knows how far it came. */
  "lost",
  /** A `receive` was given up before there was a message. */
  "cancelled",
  /** Two layers have the same number. */
  "refused",
] as const;

/** One of {@link OUTCOMES}. */
export type Outcome = (typeof OUTCOMES)[number];

/** An answer to a request. */
export interface Answer {
  readonly outcome: Outcome;
  readonly payload: Uint8Array;
}

/** What a {@link Requests} needs. */
export interface RequestsOptions {
  /** How many may wait for their answer. */
  readonly maxCount: number;
  /** How long each may wait, unless it says otherwise. */
  readonly timeoutMs: number;
}

interface Pending {
  readonly settle: (answer: Answer) => void;
  readonly deadline: number;
}

/** What makes a request's bytes, once its number is known, and hands them over; `false` when it cannot. */
export type SendRequest = (id: number) => boolean;

const NOTHING = new Uint8Array(0);

/**
 * Requests to one process that wait for their answers.
 *
 * Every request is settled once: by its answer, as `busy` when it cannot be sent, waits too long or
 * too many wait, as `lost` when the process has ended.
 */
export class Requests {
  readonly #options: RequestsOptions;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RequestsOptions) {
    this.#options = options;
  }

  /** Makes a request, which may wait for ever when `isPatient`; returns its number. */
  add(send: SendRequest, settle: (answer: Answer) => void, isPatient = false): number {
    const { maxCount, timeoutMs } = this.#options;
    const id = this.#nextId();
    if (this.#pending.size >= maxCount || !send(id)) {
      settle({ outcome: "busy", payload: NOTHING });
      return id;
    }
    const deadline = isPatient ? Infinity : performance.now() + timeoutMs;
    this.#pending.set(id, { settle, deadline });
    if (!isPatient) this.#watch(timeoutMs);
    return id;
  }

  /** Takes an answer; one that comes too late changes nothing. */
  settle(id: number, outcome: string, payload: Uint8Array): void {
    const pending = this.#pending.get(id);
    if (!pending) return;
    this.#pending.delete(id);
    pending.settle({ outcome: OUTCOMES.find((known) => known === outcome) ?? "lost", payload });
  }

  /** The process is gone: so is what waits. */
  close(): void {
    clearTimeout(this.#timer);
    for (const id of this.#pending.keys()) this.settle(id, "lost", NOTHING);
  }

  /** One timer for all: those that do not wait for ever have the same time, so the oldest is due first. */
  #watch(waitMs: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const now = performance.now();
      for (const [id, { deadline }] of this.#pending) {
        if (deadline === Infinity) continue;
        if (deadline > now) return this.#watch(deadline - now);
        this.settle(id, "busy", NOTHING);
      }
    }, waitMs).unref();
  }

  #nextId(): number {
    do this.#lastId = (this.#lastId % 0xffff_ffff) + 1;
    while (this.#pending.has(this.#lastId));
    return this.#lastId;
  }
}

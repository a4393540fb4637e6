/** What may send no faster than a {@link MessageRate}. */
export interface Throttled {
  /** Goes on reading. */
  resumeReading(): void;
}

/** How much a client has left; a number that only its {@link MessageRate} understands. */
export interface Allowance {
  tokens: number;
  countedAt: number;
}

/** What to do with a client after one more message. */
export type Verdict = "go-on" | "pause" | "close";

/** Beyond this much debt nothing but flooding explains it. */
const MAX_DEBT_SECONDS = 10;
/** How often those that were paused are looked at: one timer for all of them, and none without. */
const RESUME_INTERVAL_MS = 50;

/**
 * How fast clients may send: a bucket of tokens for each, filled steadily, one taken by each message.
 *
 * A message that finds no token is taken all the same, on credit; its client is then not read until
 * the debt is paid, so that the network holds it back. What one read had brought may be far beyond the
 * bucket: ten seconds' worth ends the connection.
 */
export class MessageRate {
  readonly #perMs: number;
  readonly #burst: number;
  readonly #maxDebt: number;
  readonly #paused = new Map<Throttled, Allowance>();
  #timer: NodeJS.Timeout | undefined;

  constructor(perSecond: number, burst: number) {
    this.#perMs = perSecond / 1_000;
    this.#burst = burst;
    this.#maxDebt = Math.max(burst, perSecond * MAX_DEBT_SECONDS);
  }

  /** What a client that has sent nothing yet may send. */
  start(): Allowance {
    return { tokens: this.#burst, countedAt: performance.now() };
  }

  /** Counts one more message; whoever is told to pause is resumed later. */
  count(client: Throttled, allowance: Allowance): Verdict {
    if (this.#burst === Infinity) return "go-on";
    this.#fill(allowance);
    allowance.tokens -= 1;
    if (allowance.tokens >= 0) return "go-on";
    if (allowance.tokens < -this.#maxDebt) return "close";
    this.#paused.set(client, allowance);
    this.#timer ??= setInterval(() => this.#resume(), RESUME_INTERVAL_MS).unref();
    return "pause";
  }

  /** Forgets a client that is gone. */
  forget(client: Throttled): void {
    if (this.#paused.delete(client)) this.#stopWhenIdle();
  }

  #fill(allowance: Allowance): void {
    const now = performance.now();
    const filled = allowance.tokens + (now - allowance.countedAt) * this.#perMs;
    allowance.tokens = Math.min(this.#burst, filled);
    allowance.countedAt = now;
  }

  #resume(): void {
    for (const [client, allowance] of this.#paused) {
      this.#fill(allowance);
      if (allowance.tokens < 1) continue;
      this.#paused.delete(client);
      client.resumeReading();
    }
    this.#stopWhenIdle();
  }

  #stopWhenIdle(): void {
    if (this.#paused.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

import type { Duplex } from "node:stream";

/** One that has not been answered yet. */
interface Pending {
  readonly url: string | undefined;
  readonly lateAt: number;
}

/** What {@link Handshakes} needs. */
export interface HandshakesOptions {
  readonly timeoutMs: number;
  /** Told of a handshake that is late, with the target that it asked for. */
  readonly onLate: (socket: Duplex, url: string | undefined) => void;
}

/** The handshakes that wait for an answer: one timer for all of them, and none without. */
export class Handshakes {
  readonly #options: HandshakesOptions;
  /** All have the same time, so the first to come is the first to be late. */
  readonly #pending = new Map<Duplex, Pending>();
  #isScheduled = false;

  constructor(options: HandshakesOptions) {
    this.#options = options;
  }

  /** Gives a handshake its time. */
  begin(socket: Duplex, url: string | undefined): void {
    const { timeoutMs } = this.#options;
    this.#pending.set(socket, { url, lateAt: performance.now() + timeoutMs });
    if (!this.#isScheduled) this.#schedule(timeoutMs);
  }

  /** It has been answered, or nobody waits for an answer any more. */
  end(socket: Duplex): void {
    this.#pending.delete(socket);
  }

  #schedule(delayMs: number): void {
    this.#isScheduled = true;
    setTimeout(() => this.#sweep(), delayMs).unref();
  }

  #sweep(): void {
    this.#isScheduled = false;
    const now = performance.now();
    for (const [socket, { url, lateAt }] of this.#pending) {
      if (lateAt > now) return this.#schedule(lateAt - now);
      this.#pending.delete(socket);
      this.#options.onLate(socket, url);
    }
  }
}

/**
 * A logical clock: what was sent after something was heard has a higher number.
 *
 * @see https://lamport.azurewebsites.net/pubs/time-clocks.pdf
 */
export class LamportClock {
  #value = 0;

  /** The next number, for something that is sent. */
  forward(): number {
    return ++this.#value;
  }

  /** Learns from what was heard; what is no number, or too large to count on from, is nothing to learn. */
  adjust(heard: unknown): void {
    if (typeof heard !== "number" || !(heard < MAX_CLOCK)) return;
    this.#value = Math.max(this.#value, Math.floor(heard)) + 1;
  }
}

/** Celery counts in any integer; RabbitMQ's readers are sure of 32 bits. */
const MAX_CLOCK = 2 ** 31 - 1_000_000;

/** This process's clock, which Celery's control messages carry. */
export const processClock: LamportClock = new LamportClock();

import { AmqpUnavailable } from "./amqp-errors.ts";

/**
 * Whoever waits for an answer of RabbitMQ over one connection.
 *
 * While RabbitMQ is short of memory or disk, it reads nothing more from who publishes. Who waits is told
 * of it when that lasts, and who asks later at once; what they have sent is read when there is room again.
 *
 * | state | what is true | what leaves it |
 * | --- | --- | --- |
 * | open | it reads | `block` |
 * | blocked | it does not | `unblock` → open; `patienceMs` → stuck |
 * | stuck | nobody waits, and nobody may ask | `unblock` → open |
 */
export class Unanswered {
  readonly #patienceMs: number;
  readonly #waiting = new Set<(error: Error) => void>();
  #timer: NodeJS.Timeout | undefined;
  #failure: AmqpUnavailable | undefined;

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /** Why there will be no answer; `undefined` as long as there may be one. */
  get failure(): AmqpUnavailable | undefined {
    return this.#failure;
  }

  /** Has somebody told when there will be no answer, until `delete`. */
  add(reject: (error: Error) => void): void {
    this.#waiting.add(reject);
  }

  delete(reject: (error: Error) => void): void {
    this.#waiting.delete(reject);
  }

  /** Asks, and waits for the answer. */
  async wait<T>(ask: () => Promise<T>): Promise<T> {
    if (this.#failure) throw this.#failure;
    const { promise, reject } = Promise.withResolvers<never>();
    this.add(reject);
    try {
      return await Promise.race([ask(), promise]);
    } finally {
      this.delete(reject);
    }
  }

  block(reason: string): void {
    this.#timer ??= setTimeout(() => {
      this.#failure = new AmqpUnavailable(`RabbitMQ takes nothing for now: ${reason}`);
      for (const reject of this.#waiting) reject(this.#failure);
      this.#waiting.clear();
    }, this.#patienceMs);
    this.#timer.unref();
  }

  unblock(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#failure = undefined;
  }
}

import { toError } from "../../core/errors.ts";
import type { TaskRedis } from "./task-redis.ts";

/** One command takes no more messages than this, and no more bytes. */
const MAX_ITEMS = 500;
const MAX_BYTES = 1_048_576;

interface PendingMessage extends PromiseWithResolvers<void> {
  readonly queue: string;
  readonly key: string;
  readonly text: string;
}

/**
 * Pushes messages into lists; those of one tick for one list are one command.
 *
 * The binding of a queue, from which Python learns that it exists, is declared with its first message.
 */
export class Publisher {
  readonly #redis: TaskRedis;
  readonly #declared = new Set<string>();
  #pending: PendingMessage[] = [];

  constructor(redis: TaskRedis) {
    this.#redis = redis;
  }

  /** Resolves when Redis has it. */
  push(queue: string, key: string, text: string): Promise<void> {
    const message = { ...Promise.withResolvers<void>(), queue, key, text };
    // After all microtasks: whatever is sent in this tick goes together.
    if (this.#pending.push(message) === 1) process.nextTick(() => this.#flush());
    return message.promise;
  }

  #flush(): void {
    const lists = Map.groupBy(this.#pending, ({ key }) => key);
    this.#pending = [];
    for (const messages of lists.values()) {
      let batch: PendingMessage[] = [];
      let bytes = 0;
      for (const message of messages) {
        if (batch.length === MAX_ITEMS || bytes > MAX_BYTES) {
          void this.#send(batch);
          batch = [];
          bytes = 0;
        }
        batch.push(message);
        bytes += message.text.length;
      }
      void this.#send(batch);
    }
  }

  /** Never rejects: each sender hears of it. */
  async #send(batch: readonly PendingMessage[]): Promise<void> {
    const [first] = batch;
    if (!first) return;
    try {
      await this.#redis.run((redis) =>
        Promise.all([
          this.#declare(first.queue),
          redis.command(["LPUSH", first.key, ...batch.map(({ text }) => text)]),
        ]),
      );
      for (const { resolve } of batch) resolve();
    } catch (error) {
      // A Redis that comes back may be an empty one.
      this.#declared.clear();
      for (const { reject } of batch) reject(toError(error));
    }
  }

  async #declare(queue: string): Promise<void> {
    if (this.#declared.has(queue)) return;
    const member = `${queue}\u0006\u0016\u0006\u0016${queue}`;
    await this.#redis.run((redis) => redis.command(["SADD", `_kombu.binding.${queue}`, member]));
    this.#declared.add(queue);
  }
}

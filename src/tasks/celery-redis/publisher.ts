import { toError } from "../../core/errors.ts";
import type { Publication } from "../brokers/broker.ts";
import { UNTAKEN } from "../message/message-marks.ts";
import { toPriorityStep } from "../priority.ts";
import { writeEnvelope } from "./envelope.ts";
import { listKey, type QueuedText, type TaskRedis } from "./task-redis.ts";

/** One command takes no more messages than this, and no more bytes. */
const MAX_ITEMS = 500;
const MAX_BYTES = 1_048_576;

interface PendingMessage extends PromiseWithResolvers<void>, QueuedText {}

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
  push(publication: Publication): Promise<void> {
    const message = { ...Promise.withResolvers<void>(), ...toQueuedText(publication) };
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
      const push = ["LPUSH", first.key, ...batch.map(({ text }) => text)];
      const declared = this.#declared.has(first.queue) ? undefined : this.declare(first.queue);
      const pushed = this.#redis.run((redis) => redis.command(push));
      await (declared ? Promise.all([declared, pushed]) : pushed);
      for (const { resolve } of batch) resolve();
    } catch (error) {
      // A Redis that comes back may be an empty one.
      this.#declared.clear();
      for (const { reject } of batch) reject(toError(error));
    }
  }

  /** Makes Python know a queue. */
  async declare(queue: string): Promise<void> {
    if (this.#declared.has(queue)) return;
    const member = `${queue}\u0006\u0016\u0006\u0016${queue}`;
    await this.#redis.run((redis) => redis.command(["SADD", `_kombu.binding.${queue}`, member]));
    this.#declared.add(queue);
  }
}

/** Writes a message as it lies in the list of its queue and priority. */
export function toQueuedText({ queue, message, dueAt }: Publication): QueuedText {
  const marks = dueAt === undefined ? UNTAKEN : { ...UNTAKEN, dueAt };
  const key = listKey(queue, toPriorityStep(message.properties.priority));
  return { queue, key, text: writeEnvelope(queue, message, marks) };
}

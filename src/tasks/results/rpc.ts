import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";

import {
  Amqp,
  closePolitely,
  type AmqpChannel,
  type AmqpDelivery,
  type AmqpOptions,
} from "../../amqp/index.ts";
import { backoffMs } from "../../core/backoff.ts";
import { TidingsError } from "../../core/errors.ts";
import { toStorageError } from "../celery-amqp/amqp-errors.ts";
import { toRecord, writeRecord } from "../celery-redis/record-text.ts";
import { deserialize, SERIALIZERS } from "../message/serializer.ts";
import { isFinal } from "../states.ts";
import { MemoryResults } from "./memory.ts";
import type { ChangedRecords, ReplyQueue, ResultStore } from "./result-store.ts";
import type { TaskRecord } from "./task-record.ts";

/** How to make an {@link RpcResults}. */
export interface RpcResultsOptions extends AmqpOptions {
  /** How many records of its own calls it holds; beyond, the oldest are forgotten. @default 100_000 */
  readonly capacity?: number | undefined;
  /** A final record is not found so long after its end. @default until a worker removes it */
  readonly expiresMs?: number | undefined;
}

/** RabbitMQ removes the queue when its owner was away for so long: it has died. */
const ABANDONED_MS = 600_000;
const BACKOFF = { baseMs: 100, maxMs: 5_000 };

/**
 * Records that are sent to whoever called, as Celery's `rpc://`, and stored nowhere.
 *
 * Each process that calls has one queue in RabbitMQ, named in its messages; workers of either language
 * send every change of a record there. So only the process that called a task knows of it: for all others
 * it is PENDING. Chords need a store, and a message that is delivered again runs again.
 *
 * Survives: a break of the connection, since the queue waits for its owner for ten minutes. Bound:
 * `capacity` records, the one that came first goes first.
 */
export class RpcResults implements ResultStore {
  readonly replies: ReplyQueue;
  readonly #amqp: Amqp;
  readonly #records: MemoryResults;
  #hearing: Promise<AmqpChannel> | undefined;
  #isClosed = false;

  constructor(url: string, { capacity, expiresMs, ...options }: RpcResultsOptions = {}) {
    this.#records = new MemoryResults({ capacity, expiresMs });
    this.#amqp = new Amqp(url, options);
    this.#amqp.onBreak(() => this.#onSilence());
    this.replies = { name: randomUUID(), open: () => this.#open() };
  }

  async get(id: string): Promise<TaskRecord | null> {
    return await this.#records.get(id);
  }

  /** Sends a record to who waits for it; `undefined` is this process, `null` nobody. */
  async store(record: TaskRecord, replyTo?: string | null): Promise<boolean> {
    if (replyTo === undefined || replyTo === this.replies.name) {
      return await this.#records.store(record);
    }
    if (this.#isClosed) throw closed();
    if (replyTo !== null) await this.#send(record, replyTo);
    return true;
  }

  async forget(id: string): Promise<void> {
    await this.#records.forget(id);
  }

  async expire(before: number): Promise<number> {
    return await this.#records.expire(before);
  }

  onChange(listener: (changed: ChangedRecords) => void): () => void {
    return this.#records.onChange(listener);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#records.close();
    // Otherwise RabbitMQ removes the queue when nobody has come for it.
    await closePolitely(async () => {
      const channel = await this.#hearing;
      if (channel?.isOpen) await channel.deleteQueue(this.replies.name);
    });
    await this.#amqp.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #send(record: TaskRecord, replyTo: string): Promise<void> {
    try {
      const session = await this.#amqp.session();
      const publisher = await session.publisher();
      await publisher.publish({
        exchange: "",
        routingKey: replyTo,
        body: Buffer.from(writeRecord(record)),
        properties: {
          contentType: "application/json",
          contentEncoding: "utf-8",
          correlationId: record.id,
          deliveryMode: isFinal(record.state) ? 2 : 1,
        },
      });
    } catch (error) {
      throw toStorageError(error);
    }
  }

  /** Makes sure that the queue is there, and heard. */
  async #open(): Promise<void> {
    if (this.#isClosed) throw closed();
    const hearing = (this.#hearing ??= this.#startHearing());
    try {
      await hearing;
    } catch (error) {
      if (this.#hearing === hearing) this.#hearing = undefined;
      throw toStorageError(error);
    }
  }

  async #startHearing(): Promise<AmqpChannel> {
    const session = await this.#amqp.session();
    const channel = await session.openChannel();
    const { name } = this.replies;
    const queueArguments = { "x-expires": ABANDONED_MS };
    await channel.declareQueue(name, { durable: true, arguments: queueArguments });
    const onCancel = (): void => this.#onSilence();
    await channel.consume(name, (delivery) => void this.#receive(delivery), {
      noAck: true,
      onCancel,
    });
    return channel;
  }

  /** The connection has broken, or the queue was removed: whoever listened listens again. */
  #onSilence(): void {
    if (!this.#hearing) return;
    this.#hearing = undefined;
    void this.#hearAgain();
  }

  async #hearAgain(): Promise<void> {
    for (let failures = 0; !this.#isClosed; failures++) {
      try {
        await this.#open();
        return;
      } catch {
        await delay(backoffMs(failures, BACKOFF), undefined, { ref: false });
      }
    }
  }

  /** Never rejects: what cannot be read is a failure of its task. */
  async #receive({ body, properties }: AmqpDelivery): Promise<void> {
    const { correlationId: id, contentType = "", contentEncoding = "utf-8" } = properties;
    if (id === undefined || this.#isClosed) return;
    const record = toRecord(id, read({ body, contentType, contentEncoding }));
    const known = await this.#records.get(id);
    // Python does not count runs: whatever it sends is of the latest.
    const runs = record.runs === 0 ? (known?.runs ?? 0) : record.runs;
    // Nor does it always say when a task has ended.
    const finishedAt = record.finishedAt === 0 ? Date.now() : record.finishedAt;
    await this.#records.store({ ...record, runs, finishedAt });
  }
}

function read(body: Parameters<typeof deserialize>[0]): unknown {
  try {
    return deserialize(body, SERIALIZERS);
  } catch {
    // The record says so.
    return null;
  }
}

function closed(): TidingsError {
  return new TidingsError("STORAGE_UNAVAILABLE", "the result store has been closed");
}

import type { RedisReply } from "../../redis/index.ts";
import type { Capacity } from "../capacity.ts";
import type { QueueHost } from "./host.ts";
import { isProcessQueue, queueOf } from "./queue-names.ts";
import { ADD_TO_QUEUES } from "./script.ts";

/** How many queues one script adds to. */
const BATCH = 500;
/**
 * How many messages the queue of a process of ours holds.
 *
 * It is read without a break, and each of its connections has a bound of its own. channels_redis counts
 * all connections of a process together, so towards Python the capacity of a channel is that of all.
 */
const PROCESS_CAPACITY = 10_000;

/** One message for one queue. */
export interface QueueEntry {
  /** A channel of the queue, whose capacity counts. */
  readonly channel: string;
  readonly host: QueueHost;
  readonly member: Buffer;
}

/** What became of an entry. */
export interface QueueResult {
  readonly isAdded: boolean;
  /** How many expired messages of the queue were dropped to make room. */
  readonly expiredCount: number;
}

/** What a {@link QueueSender} needs. */
export interface QueueSenderOptions {
  readonly prefix: string;
  readonly expiryMs: number;
  readonly capacity: Capacity;
}

/** Adds messages to queues, each with the time of sending, no two at the same time. */
export class QueueSender {
  readonly #options: QueueSenderOptions;
  #lastSeconds = 0;

  constructor(options: QueueSenderOptions) {
    this.#options = options;
  }

  /** Adds each entry to its queue if that has room; the results are in the order of the entries. */
  async add(entries: readonly QueueEntry[], now: number): Promise<readonly QueueResult[]> {
    const results = new Map<QueueEntry, QueueResult>();
    const seconds = this.#nextSeconds(now);
    const byHost = Map.groupBy(entries, ({ host }) => host);
    const batches = [...byHost].flatMap(([host, own]) => toBatches(host, own));
    await Promise.all(
      batches.map(async ([host, batch]) => {
        const reply = await this.#run(host, batch, { now, seconds });
        for (const [index, entry] of batch.entries()) {
          const [added, expired] = reply.slice(index * 2, index * 2 + 2);
          results.set(entry, { isAdded: added === 1, expiredCount: Number(expired) });
        }
      }),
    );
    return entries.map((entry) => results.get(entry) ?? { isAdded: false, expiredCount: 0 });
  }

  async #run(
    host: QueueHost,
    batch: readonly QueueEntry[],
    { now, seconds }: { readonly now: number; readonly seconds: number },
  ): Promise<readonly RedisReply[]> {
    const { prefix, expiryMs } = this.#options;
    const reply = await host.redis.script(
      ADD_TO_QUEUES,
      batch.map(({ channel }) => prefix + queueOf(channel)),
      [
        String(seconds),
        String((now - expiryMs) / 1000),
        String(toExpirySeconds(expiryMs)),
        ...batch.flatMap(({ channel, member }) => [String(this.#capacityOf(channel)), member]),
      ],
    );
    return Array.isArray(reply) ? reply : [];
  }

  #capacityOf(channel: string): number {
    return isProcessQueue(queueOf(channel)) ? PROCESS_CAPACITY : this.#options.capacity.of(channel);
  }

  /** Messages sent within one tick of the clock keep their order by a microsecond each. */
  #nextSeconds(now: number): number {
    const seconds = Math.max(now / 1000, this.#lastSeconds + 0.000_001);
    this.#lastSeconds = seconds;
    return seconds;
  }
}

/** `EXPIRE` takes whole seconds. */
export function toExpirySeconds(milliseconds: number): number {
  return Math.max(1, Math.ceil(milliseconds / 1000));
}

function toBatches(
  host: QueueHost,
  entries: readonly QueueEntry[],
): (readonly [QueueHost, readonly QueueEntry[]])[] {
  // The queues of a script must be on one node of a cluster, and their names are not ours to choose.
  const size = host.redis.isCluster ? 1 : BATCH;
  const batches: (readonly [QueueHost, readonly QueueEntry[]])[] = [];
  for (let index = 0; index < entries.length; index += size) {
    batches.push([host, entries.slice(index, index + size)]);
  }
  return batches;
}

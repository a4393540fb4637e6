import type { RedisReply } from "../../redis/index.ts";
import { nextTick } from "../next-tick.ts";
import type { TaskRedis } from "./task-redis.ts";

/** One command reads no more keys than this, so that it never blocks for long. */
const MAX_KEYS = 100;

/** A key that waits to be read. */
interface Read extends PromiseWithResolvers<RedisReply> {
  readonly key: string;
}

/** Reads the texts of keys; those that are asked for in one tick are read by one command. */
export class BatchedReads {
  readonly #redis: TaskRedis;
  #waiting: Read[] = [];

  constructor(redis: TaskRedis) {
    this.#redis = redis;
  }

  /** Returns the text of a key; `null` when there is none. */
  read(key: string): Promise<RedisReply> {
    const read = { key, ...Promise.withResolvers<RedisReply>() };
    if (this.#waiting.push(read) === 1) void this.#readSoon();
    return read.promise;
  }

  async #readSoon(): Promise<void> {
    await nextTick();
    const reads = this.#waiting;
    this.#waiting = [];
    for (let at = 0; at < reads.length; at += MAX_KEYS) {
      void this.#readAll(reads.slice(at, at + MAX_KEYS));
    }
  }

  /** Never rejects: each read hears of it. */
  async #readAll(reads: readonly Read[]): Promise<void> {
    const command = ["MGET", ...reads.map(({ key }) => key)];
    try {
      const replies = await this.#redis.read((redis) => redis.command(command));
      const texts = Array.isArray(replies) ? replies : [];
      for (const [index, { resolve }] of reads.entries()) resolve(texts[index] ?? null);
    } catch (error) {
      for (const { reject } of reads) reject(error);
    }
  }
}

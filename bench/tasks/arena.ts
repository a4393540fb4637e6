import { setTimeout as delay } from "node:timers/promises";

import { openRedis } from "../../src/redis/index.ts";
import { RabbitServer } from "../../test/amqp/rabbit-server.ts";
import { RedisServer } from "../../test/redis/redis-server.ts";
import { Contender, type ContenderName } from "./contender.ts";

/** How often it is looked how many tasks have ended. */
const LOOK_MS = 5;
/** A worker that ends nothing for so long has failed. */
const PATIENCE_MS = 30_000;

/** What has the messages; outcomes are in Redis in any case. */
export type BrokerName = "redis" | "rabbitmq";

/** A contender with servers and a sender of its own: what one leaves there is not the others' burden. */
export class Arena implements AsyncDisposable {
  readonly name: ContenderName;
  readonly sender: Contender;
  /** Of broker and results. */
  readonly #urls: readonly string[];
  readonly #servers: readonly AsyncDisposable[];
  readonly #redis: ReturnType<typeof openRedis>;

  private constructor(name: ContenderName, redis: RedisServer, rabbit: RabbitServer | undefined) {
    this.name = name;
    const url = `${redis.url}/0`;
    this.#urls = [rabbit?.url ?? url, url];
    this.#servers = rabbit ? [redis, rabbit] : [redis];
    this.#redis = openRedis({ url });
    this.sender = new Contender(name, this.#urls);
  }

  static async open(name: ContenderName, broker: BrokerName = "redis"): Promise<Arena> {
    const rabbit = broker === "rabbitmq" ? await RabbitServer.start() : undefined;
    return new Arena(name, await RedisServer.start(), rabbit);
  }

  /** Starts another process, which works on the tasks. */
  async startWorker(concurrency: number): Promise<Contender> {
    const worker = new Contender(this.name, this.#urls);
    await worker.ask({ do: "work", concurrency });
    return worker;
  }

  /** Removes everything from Redis. */
  async clear(): Promise<void> {
    await this.#redis.command(["FLUSHALL"]);
  }

  /** How many commands have been processed so far, the looks of this process left out. */
  async countCommands(): Promise<number> {
    const text = String(await this.#redis.command(["INFO", "commandstats"]));
    let calls = 0;
    for (const [, name, count] of text.matchAll(/cmdstat_([^:]+):calls=(\d+)/g)) {
      if (name !== "info" && name !== "ping") calls += Number(count);
    }
    return calls;
  }

  /** How many outcomes are stored. */
  async countEnded(): Promise<number> {
    if (this.name === "bullmq") {
      return Number(await this.#redis.command(["ZCARD", "bull:bench:completed"]));
    }
    // All other keys are a few.
    return Number(await this.#redis.command(["DBSIZE"]));
  }

  /** Tasks a second between the moment when a share of them has ended, and the moment when all have. */
  async measureProcessing(count: number): Promise<number> {
    const first = await this.#untilEnded(count / 5);
    const last = await this.#untilEnded(count);
    return ((last.ended - first.ended) / (last.at - first.at)) * 1_000;
  }

  async #untilEnded(count: number): Promise<{ readonly ended: number; readonly at: number }> {
    let before = -1;
    for (let limit = 0; ;) {
      const ended = await this.countEnded();
      const at = performance.now();
      if (ended >= count) return { ended, at };
      if (ended > before) limit = at + PATIENCE_MS;
      if (at > limit) throw new Error(`${this.name} ended ${ended} of ${count}`);
      before = ended;
      await delay(LOOK_MS);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sender[Symbol.asyncDispose]();
    await this.#redis.close();
    await Promise.all(this.#servers.map((server) => server[Symbol.asyncDispose]()));
  }
}

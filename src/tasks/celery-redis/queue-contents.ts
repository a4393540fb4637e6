import type { QueueContents, QueueCount } from "../brokers/queue-contents.ts";
import { PRIORITY_STEPS } from "../priority.ts";
import { delayedKey, listKey, toList, type TaskRedis } from "./task-redis.ts";

/** Removes delayed messages, a bounded number of them. KEYS: those of the queue, all. Returns how many. */
const PURGE_DELAYED = {
  source: `
local ids = redis.call("ZRANGE", KEYS[1], 0, 999)
if #ids == 0 then return 0 end
redis.call("HDEL", KEYS[2], unpack(ids))
return redis.call("ZREM", KEYS[1], unpack(ids))
`,
};

/**
 * Counts what of one part of the taken messages came from a queue.
 *
 * KEYS[1] what is taken; ARGV: the cursor; how such a message of the queue ends. Returns the next cursor
 * and the count. What is taken is small, but for the messages themselves: they stay in Redis.
 */
const COUNT_TAKEN = {
  source: `
local reply = redis.call("HSCAN", KEYS[1], ARGV[1], "COUNT", 200)
local count = 0
for index = 2, #reply[2], 2 do
  if string.sub(reply[2][index], -#ARGV[2]) == ARGV[2] then count = count + 1 end
end
return { reply[1], count }
`,
};

const SEPARATOR = "\u0006\u0016";

/** What lies in the queues of a Redis, those that Python made too. */
export class RedisQueueContents implements QueueContents {
  readonly #redis: TaskRedis;

  constructor(redis: TaskRedis) {
    this.#redis = redis;
  }

  /** Every queue that was ever sent to, by us or by Python: kombu notes their bindings. */
  async list(): Promise<readonly string[]> {
    const names = new Set<string>();
    for (const key of await this.#bindingKeys()) {
      const members = await this.#redis.run((redis) => redis.command(["SMEMBERS", key]));
      for (const member of toList(members)) {
        const queue = String(member).split(SEPARATOR)[2];
        if (queue !== undefined && queue !== "") names.add(queue);
      }
    }
    return [...names].toSorted();
  }

  async count(queue: string): Promise<QueueCount> {
    const [delayed, ...waiting] = await this.#redis.run((redis) =>
      redis.transaction([
        ["ZCARD", delayedKey(queue)],
        ...PRIORITY_STEPS.map((step) => ["LLEN", listKey(queue, step)]),
      ]),
    );
    return {
      waiting: sum(waiting),
      delayed: Number(delayed),
      taken: await this.#countTaken(queue),
    };
  }

  async purge(queue: string): Promise<number> {
    const lists = PRIORITY_STEPS.map((step) => listKey(queue, step));
    const lengths = await this.#redis.run((redis) =>
      redis.transaction([...lists.map((key) => ["LLEN", key]), ["UNLINK", ...lists]]),
    );
    let purged = sum(lengths.slice(0, lists.length));
    const keys = [delayedKey(queue), this.#redis.keys.delayed];
    for (let isMore = true; isMore;) {
      const count = Number(await this.#redis.run((redis) => redis.script(PURGE_DELAYED, keys, [])));
      purged += count;
      isMore = count > 0;
    }
    return purged;
  }

  /** The bindings of exchanges for tasks: those of events and control have queues of other kinds. */
  async #bindingKeys(): Promise<ReadonlySet<string>> {
    const keys = new Set<string>();
    await this.#redis.run(async (redis) => {
      for await (const found of redis.scan("_kombu.binding.*")) {
        for (const key of found) if (!/(\.pidbox|\.celeryev)$/.test(key)) keys.add(key);
      }
    });
    return keys;
  }

  /** `[envelope, "exchange", "routing key"]` is how kombu and we write down what is taken. */
  async #countTaken(queue: string): Promise<number> {
    const ending = `, ${JSON.stringify(queue)}]`;
    let taken = 0;
    let cursor = "0";
    do {
      const words = [cursor, ending];
      const [next, count] = toList(
        await this.#redis.run((redis) =>
          redis.script(COUNT_TAKEN, [this.#redis.keys.taken], words),
        ),
      );
      cursor = String(next);
      taken += Number(count);
    } while (cursor !== "0");
    return taken;
  }
}

function sum(counts: readonly unknown[]): number {
  return counts.reduce<number>((total, count) => total + Number(count), 0);
}

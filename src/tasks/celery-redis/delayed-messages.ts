import type { RedisScript } from "../../redis/index.ts";
import type { WaitingTask } from "../limits/limit-store.ts";
import { readEnvelope, type Envelope } from "./envelope.ts";
import { delayedKey, type TaskRedis } from "./task-redis.ts";

/**
 * Makes delayed messages due at once. When they are due is in their text, too: our own mark is taken out.
 *
 * KEYS[1]   delayed messages (hash)
 * KEYS[2…]  for each message, the delayed ones of its queue (sorted set)
 * ARGV      the ids
 */
const HASTEN: RedisScript = {
  source: `
for index, id in ipairs(ARGV) do
  local text = redis.call("HGET", KEYS[1], id)
  if text and redis.call("ZSCORE", KEYS[index + 1], id) then
    text = string.gsub(text, '("tidings":{"runs":%d+,"lost":%d+,"due":)%d+', "%1null", 1)
    redis.call("HSET", KEYS[1], id, text)
    redis.call("ZADD", KEYS[index + 1], 0, id)
  end
end
return 1
`,
};

/** The messages that are not due yet, which lie beside kombu's lists. */
export class DelayedMessages {
  readonly #redis: TaskRedis;

  constructor(redis: TaskRedis) {
    this.#redis = redis;
  }

  async find(id: string): Promise<Envelope | null> {
    const { delayed } = this.#redis.keys;
    const value = await this.#redis.run((redis) => redis.command(["HGET", delayed, id]));
    return value === null ? null : readEnvelope(String(value).slice(1), id);
  }

  /** Makes a message due whose own time does not count any more: it is revoked. */
  async release(id: string, queue: string): Promise<void> {
    await this.#redis.run((redis) => redis.command(["ZADD", delayedKey(queue), "XX", "0", id]));
  }

  /** Makes messages due at once; those that are not here are left alone. */
  async hasten(tasks: readonly WaitingTask[]): Promise<void> {
    const keys = [this.#redis.keys.delayed, ...tasks.map(({ queue }) => delayedKey(queue))];
    const ids = tasks.map(({ id }) => id);
    await this.#redis.run((redis) => redis.script(HASTEN, keys, ids));
  }

  async remove(id: string): Promise<void> {
    const found = await this.find(id);
    if (!found) return;
    await this.#redis.run((redis) =>
      redis.transaction([
        ["ZREM", delayedKey(found.queue), id],
        ["HDEL", this.#redis.keys.delayed, id],
      ]),
    );
  }
}

import { MAX_REVOKED, type RevokedStore } from "../control/revoked-tasks.ts";
import { toList, type TaskRedis } from "./task-redis.ts";

/** Revoked ids in Redis: a sorted set, scored by how long they are remembered. */
export class RedisRevokedStore implements RevokedStore {
  readonly #redis: TaskRedis;

  constructor(redis: TaskRedis) {
    this.#redis = redis;
  }

  async load(now: number): Promise<readonly string[]> {
    const words = ["ZRANGEBYSCORE", this.#redis.keys.revoked, String(now), "+inf"];
    return toList(await this.#redis.run((redis) => redis.command(words))).map(String);
  }

  async keep(id: string, now: number, until: number): Promise<void> {
    const { revoked } = this.#redis.keys;
    await this.#redis.run((redis) =>
      redis.transaction([
        ["ZADD", revoked, String(until), id],
        ["ZREMRANGEBYSCORE", revoked, "-inf", String(now)],
        ["ZREMRANGEBYRANK", revoked, "0", String(-MAX_REVOKED - 1)],
      ]),
    );
  }

  onGap(listener: () => void): () => void {
    return this.#redis.redis.onGap(listener);
  }
}

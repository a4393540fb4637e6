import { assertKnownOptions, assertMethods, optionNames } from "../../core/options.ts";
import type { Redis } from "../../redis/index.ts";
import type { SessionStore, StoredSession } from "./session-store.ts";

/** Options of the {@link RedisSessionStore}. */
export interface RedisSessionStoreOptions {
  /** Stands before every key. @default "tidings:session:" */
  readonly prefix?: string | undefined;
}

const NAMES = optionNames<RedisSessionStoreOptions>({
  prefix: true,
});

/**
 * Sessions in Redis, one key each, which Redis removes when its time is over.
 *
 * Survives: restarts of ours, and of Redis as far as it persists. Reaches: every process on that Redis.
 * Bound: the memory of Redis. Ends are compared with the clock of Redis, which is 6.2 or later.
 */
export class RedisSessionStore implements SessionStore {
  readonly #redis: Redis;
  readonly #prefix: string;

  /** The Redis is closed together with the store. */
  constructor(redis: Redis, options: RedisSessionStoreOptions = {}) {
    assertMethods("redis", redis, ["command"]);
    assertKnownOptions("`RedisSessionStore`", options, NAMES);
    const { prefix = "tidings:session:" } = options;
    this.#redis = redis;
    this.#prefix = prefix;
  }

  async get(key: string): Promise<StoredSession | null> {
    const name = this.#prefix + key;
    const [value, ttl] = await this.#redis.transaction([
      ["GET", name],
      ["PTTL", name],
    ]);
    const ttlMs = Number(ttl);
    // Redis still has a key whose time to live is 0: it ends with that millisecond.
    if (!Buffer.isBuffer(value) || ttlMs < 0) return null;
    return { value: value.toString(), expiresAt: Date.now() + ttlMs };
  }

  async set(key: string, { value, expiresAt }: StoredSession): Promise<void> {
    await this.#redis.command(["SET", this.#prefix + key, value, "PXAT", toTime(expiresAt)]);
  }

  async update(key: string, { value, expiresAt }: Partial<StoredSession>): Promise<boolean> {
    const name = this.#prefix + key;
    if (value === undefined) {
      const command =
        expiresAt === undefined ? ["EXISTS", name] : ["PEXPIREAT", name, toTime(expiresAt)];
      return (await this.#redis.command(command)) === 1;
    }
    const end = expiresAt === undefined ? ["KEEPTTL"] : ["PXAT", toTime(expiresAt)];
    return (await this.#redis.command(["SET", name, value, "XX", ...end])) !== null;
  }

  async delete(key: string): Promise<boolean> {
    return (await this.#redis.command(["DEL", this.#prefix + key])) === 1;
  }

  async close(): Promise<void> {
    await this.#redis.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function toTime(time: number): string {
  return String(Math.ceil(time));
}

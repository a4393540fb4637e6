import type { Redis, RedisScript } from "../../redis/index.ts";
import type { SessionStore, StoredSession } from "./session-store.ts";

/** Options of the {@link RedisSessionStore}. */
export interface RedisSessionStoreOptions {
  /** Stands before every key. @default "tidings:session:" */
  readonly prefix?: string | undefined;
}

/**
 * Changes a session that is there, in one step: `SET … XX` alone would need the value to move the end.
 *
 * KEYS[1] the session. ARGV[1] the new value or "", ARGV[2] the new end or "". A session without a
 * value does not exist, so "" stands for "as it is".
 */
const UPDATE: RedisScript = {
  source: `
    if redis.call("EXISTS", KEYS[1]) == 0 then return 0 end
    local expiresAt = ARGV[2]
    if expiresAt == "" then expiresAt = redis.call("PTTL", KEYS[1]) end
    if ARGV[1] ~= "" then
      redis.call("SET", KEYS[1], ARGV[1])
      if ARGV[2] == "" then redis.call("PEXPIRE", KEYS[1], expiresAt) end
    end
    if ARGV[2] ~= "" then redis.call("PEXPIREAT", KEYS[1], expiresAt) end
    return 1
  `,
};

/**
 * Sessions in Redis, one key each, which Redis removes when its time is over.
 *
 * Survives: restarts of ours, and of Redis as far as it persists. Reaches: every process on that Redis.
 * Bound: the memory of Redis; choose an eviction policy that spares keys in use. Ends are compared with
 * the clock of Redis.
 */
export class RedisSessionStore implements SessionStore {
  readonly #redis: Redis;
  readonly #prefix: string;

  /** The Redis is closed together with the store. */
  constructor(redis: Redis, { prefix = "tidings:session:" }: RedisSessionStoreOptions = {}) {
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
    if (!Buffer.isBuffer(value) || ttlMs <= 0) return null;
    return { value: value.toString(), expiresAt: Date.now() + ttlMs };
  }

  async set(key: string, { value, expiresAt }: StoredSession): Promise<void> {
    const name = this.#prefix + key;
    await this.#redis.transaction([
      ["SET", name, value],
      ["PEXPIREAT", name, String(Math.ceil(expiresAt))],
    ]);
  }

  async update(key: string, { value = "", expiresAt }: Partial<StoredSession>): Promise<boolean> {
    const end = expiresAt === undefined ? "" : String(Math.ceil(expiresAt));
    return (await this.#redis.script(UPDATE, [this.#prefix + key], [value, end])) === 1;
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

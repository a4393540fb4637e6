import type { Redis } from "../../redis/index.ts";
import type { QueueHost } from "./host.ts";

/** How long the name of a general channel is remembered without a message, beside the expiry. */
const MIN_MEMORY_MS = 60_000;
const MAX_KNOWN = 10_000;

/**
 * The general channels that carry messages, so that `flush` finds them.
 *
 * A key of the prefix `asgi2` begins with `asgi` too, and nothing in `asgi2jobs` says whose it is. So
 * senders note the channels they send to, in `<prefix>:channels`, which no channel can be named.
 */
export class KnownChannels {
  readonly #prefix: string;
  readonly #memoryMs: number;
  readonly #notedAt = new Map<string, number>();

  constructor(prefix: string, expiryMs: number) {
    this.#prefix = prefix;
    this.#memoryMs = Math.max(MIN_MEMORY_MS, 2 * expiryMs);
  }

  get #key(): string {
    return `${this.#prefix}:channels`;
  }

  /** Notes a channel that is sent to or read; a no-op when it was noted lately. */
  async note(channel: string, host: QueueHost, now: number): Promise<void> {
    const noted = this.#notedAt.get(channel);
    if (noted !== undefined && now - noted < this.#memoryMs / 4) return;
    if (this.#notedAt.size >= MAX_KNOWN) this.#notedAt.clear();
    this.#notedAt.set(channel, now);
    await host.redis.transaction([
      ["ZREMRANGEBYSCORE", this.#key, "-inf", String((now - this.#memoryMs) / 1000)],
      ["ZADD", this.#key, String(now / 1000), channel],
      ["EXPIRE", this.#key, String(Math.ceil(this.#memoryMs / 1000))],
    ]);
  }

  /**
   * Deletes every queue and group of the prefix on a host, and nothing of a longer prefix.
   *
   * `channels` are general ones that are known otherwise.
   */
  async flush({ redis }: QueueHost, channels: readonly string[]): Promise<void> {
    const reply = await redis.command(["ZRANGE", this.#key, "0", "-1"]);
    const noted = Array.isArray(reply) ? reply.map(String) : [];
    const known = new Set([...noted, ...this.#notedAt.keys(), ...channels]);
    const isOurs = (key: string): boolean => {
      const name = key.slice(this.#prefix.length).replace(/\$inflight$/, "");
      return known.has(name) || OWN_KEY.test(name);
    };
    for await (const keys of redis.scan(`${escapeGlob(this.#prefix)}*`)) {
      await unlink(redis, keys.filter(isOurs));
    }
    await unlink(redis, [this.#key]);
  }

  /** What has been deleted must be noted again. */
  clear(): void {
    this.#notedAt.clear();
  }
}

/** Groups, and the queues of processes: no name of another prefix looks like these. */
const OWN_KEY = /^(?::group:[\w.-]+|(?:specific|worker)\.[\w.-]+!)$/;

async function unlink(redis: Redis, keys: readonly string[]): Promise<void> {
  if (redis.isCluster) await Promise.all(keys.map((key) => redis.command(["UNLINK", key])));
  else if (keys.length > 0) await redis.command(["UNLINK", ...keys]);
}

function escapeGlob(text: string): string {
  return text.replaceAll(/[\\*?[\]^-]/g, String.raw`\$&`);
}

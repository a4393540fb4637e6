import { TidingsError } from "../core/errors.ts";
import { assertKnownOptions, optionNames } from "../core/options.ts";
import {
  fromIoredis,
  openRedis,
  REDIS_OPTIONS,
  type IoredisClient,
  type RedisOptions,
} from "../redis/index.ts";
import { parseSqlitePath, sharedFile } from "../sqlite/index.ts";
import { MemoryPresence } from "./memory.ts";
import type { PresenceStore } from "./presence-store.ts";
import type { PresenceOptions } from "./presence.ts";
import { RedisPresence } from "./redis.ts";
import { SqlitePresence } from "./sqlite.ts";

/** Where it is kept who is there, and its options. */
export interface PresenceSettings extends RedisOptions, Pick<PresenceOptions, "graceMs"> {
  /** `memory:`, `sqlite:./presence.db` or `redis://…`. With `client`, only the scheme counts. */
  readonly url: string;
  /** An ioredis client, or cluster, whose settings are used instead of the URL. It is left open. */
  readonly client?: IoredisClient | undefined;
}

const NAMES = optionNames<Omit<PresenceSettings, keyof RedisOptions>>({
  url: true,
  client: true,
  graceMs: true,
}).union(REDIS_OPTIONS);

/**
 * Opens where it is kept who is there.
 *
 * @throws {TidingsError} APP_INVALID_URL for a URL that no driver knows, OPTION_INVALID for an option that
 *   nobody knows.
 */
export function openPresence(target: string | PresenceSettings): PresenceStore {
  const settings: PresenceSettings = typeof target === "string" ? { url: target } : target;
  assertKnownOptions("`presence`", settings, NAMES);
  const { url, client, graceMs: _, ...options } = settings;
  const [, scheme = ""] = /^([a-z]+)(?:\+[a-z]+)?:/i.exec(url) ?? [];
  switch (scheme.toLowerCase()) {
    case "memory": {
      assertNoRest(url);
      const file = sharedFile("presence.db");
      return file === undefined ? new MemoryPresence() : new SqlitePresence(file);
    }
    case "sqlite":
      return new SqlitePresence(parseSqlitePath(url));
    case "redis":
    case "rediss":
      return new RedisPresence(
        client ? fromIoredis(client, options) : openRedis({ ...options, url }),
      );
    default:
      throw new TidingsError(
        "APP_INVALID_URL",
        `invalid presence URL: expected one of the schemes memory:, sqlite:, redis:, rediss:, and redis with +sentinel or +cluster, got \`${scheme || "none"}\``,
      );
  }
}

/** Memory has nothing to be said of, so what stands there was meant for something else. */
function assertNoRest(url: string): void {
  if (/^memory:(?:\/\/)?$/i.test(url)) return;
  throw new TidingsError(
    "APP_INVALID_URL",
    "invalid presence URL: expected nothing behind memory:",
  );
}

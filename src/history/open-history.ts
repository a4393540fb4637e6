import { TidingsError } from "../core/errors.ts";
import { assertKnownOptions, optionNames } from "../core/options.ts";
import {
  parseLayerSettings,
  type LayerSettings,
  type ParsedLayerSettings,
  type SerializerFormat,
} from "../layers/index.ts";
import {
  fromIoredis,
  openRedis,
  REDIS_OPTIONS,
  type IoredisClient,
  type RedisOptions,
} from "../redis/index.ts";
import { parseSqlitePath, sharedFile } from "../sqlite/index.ts";
import type { GroupHistory } from "./history.ts";
import { MemoryHistory } from "./memory.ts";
import { RedisHistory } from "./redis.ts";
import { SqliteHistory } from "./sqlite.ts";

/** Where histories are, and their options. */
export interface HistorySettings extends RedisOptions {
  /** `memory:`, `sqlite:path` or `redis://…`. With `client`, only the scheme counts. */
  readonly url: string;
  /** An ioredis client, or cluster, whose settings are used instead of the URL. It is left open. */
  readonly client?: IoredisClient | undefined;
  /** How messages are written. @default "msgpack" */
  readonly serializerFormat?: SerializerFormat | undefined;
  /** Encrypts with the first key, decrypts with each. @default none */
  readonly symmetricEncryptionKeys?: readonly (string | Uint8Array)[] | undefined;
}

const NAMES = optionNames<Omit<HistorySettings, keyof RedisOptions>>({
  url: true,
  client: true,
  serializerFormat: true,
  symmetricEncryptionKeys: true,
}).union(REDIS_OPTIONS);

/**
 * Opens the history of the groups of one layer; the layer's name keeps those of several apart.
 *
 * @throws {TidingsError} APP_INVALID_URL or OPTION_INVALID.
 */
export function openHistory(
  target: string | HistorySettings | GroupHistory,
  layerName = "default",
): GroupHistory {
  if (typeof target === "object" && "append" in target) return target;
  const settings = typeof target === "string" ? { url: target } : target;
  assertKnownOptions("`history`", settings, NAMES);
  const { url, client, serializerFormat, symmetricEncryptionKeys, ...options } = settings;
  const [, scheme = ""] = /^([a-z]+)(?:\+[a-z]+)?:/i.exec(url) ?? [];
  switch (scheme.toLowerCase()) {
    case "memory": {
      assertNoRest(url);
      const file = sharedFile("history.db");
      return file === undefined ? new MemoryHistory() : openFile(file, layerName);
    }
    case "sqlite":
      return openFile(parseSqlitePath(url), layerName);
    case "redis":
    case "rediss": {
      const redis = client ? fromIoredis(client, options) : openRedis({ ...options, url });
      const place = layerName === "default" ? "" : `${layerName}:`;
      const prefix = `tidings:history:${place}`;
      return new RedisHistory(redis, {
        prefix,
        format: serializerFormat,
        symmetricEncryptionKeys,
      });
    }
    default:
      throw new TidingsError(
        "APP_INVALID_URL",
        `invalid history URL: expected one of the schemes memory:, sqlite:, redis:, rediss:, and redis with +sentinel or +cluster, got \`${scheme || "none"}\``,
      );
  }
}

/** Memory has nothing to be said of, so what stands there was meant for something else. */
function assertNoRest(url: string): void {
  if (/^memory:(?:\/\/)?$/i.test(url)) return;
  throw new TidingsError("APP_INVALID_URL", "invalid history URL: expected nothing behind memory:");
}

function openFile(path: string, layerName: string): GroupHistory {
  return new SqliteHistory(path, { prefix: layerName === "default" ? "" : `${layerName}:` });
}

/** Where a layer's histories are if nothing else is said: on its first server, or in memory. */
export function historyOfLayer(layer: string | LayerSettings): HistorySettings {
  const parsed = parseLayerSettings(typeof layer === "string" ? { url: layer } : layer);
  return {
    ...redisOptionsOf(parsed),
    url: parsed.driver === "memory" ? "memory:" : firstOf(parsed),
  };
}

function firstOf({ urls: [url = "redis:"] }: ParsedLayerSettings): string {
  return url;
}

/** What of a layer's settings a history needs too. */
function redisOptionsOf({
  client,
  serializerFormat,
  symmetricEncryptionKeys,
  tls,
  sentinelUsername,
  sentinelPassword,
  commandTimeoutMs,
  connectTimeoutMs,
  pingIntervalMs,
  maxPendingCommands,
  maxPendingBytes,
  backoff,
}: ParsedLayerSettings): Omit<HistorySettings, "url"> {
  return {
    client,
    serializerFormat,
    symmetricEncryptionKeys,
    tls,
    sentinelUsername,
    sentinelPassword,
    commandTimeoutMs,
    connectTimeoutMs,
    pingIntervalMs,
    maxPendingCommands,
    maxPendingBytes,
    backoff,
  };
}

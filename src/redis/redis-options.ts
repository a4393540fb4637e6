import { assertBackoff, type BackoffOptions } from "../core/backoff.ts";
import { assertDuration, assertPositiveInteger, optionNames } from "../core/options.ts";

/** How to speak TLS with Redis; the names are those of `node:tls`. */
export interface RedisTlsOptions {
  /** The authorities that are trusted, as PEM. @default those of Node */
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined;
  /** Our certificate, as PEM, where the server asks for one. */
  readonly cert?: string | Buffer | undefined;
  /** The key of our certificate, as PEM. */
  readonly key?: string | Buffer | undefined;
  /** Refuse a server whose certificate cannot be verified. @default true */
  readonly rejectUnauthorized?: boolean | undefined;
  /** The name that the certificate must have. @default the host */
  readonly servername?: string | undefined;
}

/** The bounds that every connection to Redis keeps, and what a URL cannot say. */
export interface RedisOptions {
  /** For `rediss:`, or to speak TLS with `redis:`. */
  readonly tls?: RedisTlsOptions | undefined;
  /** The user of the sentinels themselves. */
  readonly sentinelUsername?: string | undefined;
  /** The password of the sentinels themselves. */
  readonly sentinelPassword?: string | undefined;
  /** How long a command waits for its connection and reply. @default 5_000 */
  readonly commandTimeoutMs?: number | undefined;
  /** How long one try to connect may take. @default 5_000 */
  readonly connectTimeoutMs?: number | undefined;
  /** How often an idle connection is asked whether it is alive. @default 10_000 */
  readonly pingIntervalMs?: number | undefined;
  /** How many commands may wait for a connection or a reply. @default 10_000 */
  readonly maxPendingCommands?: number | undefined;
  /** How many bytes these commands may have. @default 67_108_864 */
  readonly maxPendingBytes?: number | undefined;
  /** How long to wait between tries to connect. @default 100 ms doubling to 2 s, full jitter */
  readonly backoff?: BackoffOptions | undefined;
}

/** The names of {@link RedisOptions}. */
export const REDIS_OPTIONS: ReadonlySet<string> = optionNames<RedisOptions>({
  tls: true,
  sentinelUsername: true,
  sentinelPassword: true,
  commandTimeoutMs: true,
  connectTimeoutMs: true,
  pingIntervalMs: true,
  maxPendingCommands: true,
  maxPendingBytes: true,
  backoff: true,
});

/** The bounds, all of them. */
export interface RedisBounds {
  readonly commandTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly maxPendingCommands: number;
  readonly maxPendingBytes: number;
  readonly backoff: BackoffOptions;
}

/** Fills in the defaults and refuses what makes no sense. */
export function toBounds({
  commandTimeoutMs = 5_000,
  connectTimeoutMs = 5_000,
  pingIntervalMs = 10_000,
  maxPendingCommands = 10_000,
  maxPendingBytes = 67_108_864,
  backoff = {},
}: RedisOptions): RedisBounds {
  assertBackoff(backoff);
  return {
    commandTimeoutMs: assertDuration("commandTimeoutMs", commandTimeoutMs),
    connectTimeoutMs: assertDuration("connectTimeoutMs", connectTimeoutMs),
    pingIntervalMs: assertPositiveInteger("pingIntervalMs", pingIntervalMs),
    maxPendingCommands: assertPositiveInteger("maxPendingCommands", maxPendingCommands),
    maxPendingBytes: assertPositiveInteger("maxPendingBytes", maxPendingBytes),
    backoff: { baseMs: 100, maxMs: 2_000, ...backoff },
  };
}

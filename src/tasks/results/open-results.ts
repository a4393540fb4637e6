import { TidingsError } from "../../core/errors.ts";
import { parseSqlitePath } from "../../sqlite/index.ts";
import type { ConnectionSettings } from "../connection-settings.ts";
import type { TypedJsonOptions } from "../message/typed-json.ts";
import { MemoryResults } from "./memory.ts";
import { RedisResults } from "./redis.ts";
import type { ResultStore } from "./result-store.ts";
import { RpcResults } from "./rpc.ts";
import { SqliteResults } from "./sqlite.ts";

/** What a URL of results does not say. */
export interface OpenResultsOptions
  extends Pick<ConnectionSettings, "tls" | "resultKeyPrefix">, TypedJsonOptions {
  /** How long a final record is found. @default 86_400_000 in Redis, elsewhere until a worker removes it */
  readonly expiresMs?: number | undefined;
  /** The broker of those whose results these are: for `rpc://` its URL. */
  readonly broker?: unknown;
}

/**
 * Opens the result store that a URL names.
 *
 * `sqlite:./data/tasks.db` is a file, `memory:` is in this process,
 * `redis://host:6379/0` (`rediss:` for TLS, `redis+sentinel:` for sentinels,
 * `redis://a;redis://b` for servers that stand in for each other) is Celery's layout in Redis,
 * `rpc://` sends results to whoever called, through the RabbitMQ of the broker.
 *
 * @throws {TidingsError} APP_INVALID_URL when the scheme is unknown.
 * @throws {TidingsError} STORAGE_UNAVAILABLE when the file cannot be opened.
 */
export function openResults(url: string, options: OpenResultsOptions = {}): ResultStore {
  if (url === "memory:") return new MemoryResults(options);
  if (url.startsWith("sqlite:")) return new SqliteResults(parseSqlitePath(url), options);
  if (/^rediss?(\+sentinel)?:/.test(url)) return new RedisResults(url, options);
  if (url === "rpc://" || url === "rpc:")
    return new RpcResults(assertAmqp(options.broker), options);
  throw new TidingsError(
    "APP_INVALID_URL",
    `expected a result URL with one of the schemes sqlite:, memory:, redis:, rediss:, redis+sentinel:, rediss+sentinel:, rpc:, got \`${schemeOf(url)}\``,
  );
}

/** Results are sent through the broker: its URL says where that is. */
function assertAmqp(broker: unknown): string {
  if (typeof broker === "string" && /^amqps?:/.test(broker)) return broker;
  const got = typeof broker === "string" ? schemeOf(broker) : "none";
  throw new TidingsError(
    "APP_INVALID_URL",
    `expected a broker URL amqp: or amqps: with results in rpc://, got \`${got}\`; for a broker of your own make \`new RpcResults(url)\``,
  );
}

/** What may be shown of a URL: the rest can hold a password. */
function schemeOf(url: string): string {
  return /^[a-z][a-z+.-]*:/i.exec(url)?.[0] ?? "no scheme";
}

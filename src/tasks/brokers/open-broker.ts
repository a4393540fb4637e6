import { TidingsError } from "../../core/errors.ts";
import { assertKnownOptions, optionNames } from "../../core/options.ts";
import { parseSqlitePath } from "../../sqlite/index.ts";
import type { ConnectionSettings } from "../connection-settings.ts";
import type { DeadLetterBounds } from "../dead-letters/dead-letter-store.ts";
import { AmqpBroker } from "./amqp.ts";
import type { Broker } from "./broker.ts";
import { MemoryBroker } from "./memory.ts";
import { RedisBroker } from "./redis.ts";
import { SqliteBroker } from "./sqlite.ts";

/** How to open a broker. */
export interface BrokerSettings extends ConnectionSettings {
  /** How many dead letters it keeps, and how long. */
  readonly deadLetters?: DeadLetterBounds | undefined;
}

const BOUNDS = optionNames<DeadLetterBounds>({ maxCount: true, maxAgeMs: true });

/**
 * Opens the broker that a URL names.
 *
 * `sqlite:./data/tasks.db` is a file, `memory:` is in this process,
 * `redis://host:6379/0` (`rediss:` for TLS, `redis+sentinel:` for sentinels,
 * `redis://a;redis://b` for servers that stand in for each other) is Celery's layout in Redis.
 *
 * @throws {TidingsError} APP_INVALID_URL when the scheme is unknown.
 * @throws {TidingsError} STORAGE_UNAVAILABLE when the file cannot be opened.
 */
export function openBroker(url: string, settings: BrokerSettings = {}): Broker {
  assertKnownOptions("`deadLetters`", settings.deadLetters ?? {}, BOUNDS);
  if (url === "memory:") return new MemoryBroker({ deadLetters: settings.deadLetters });
  if (url.startsWith("sqlite:")) {
    return new SqliteBroker(parseSqlitePath(url), { deadLetters: settings.deadLetters });
  }
  if (/^rediss?(\+sentinel)?:/.test(url)) return new RedisBroker(url, settings);
  if (/^amqps?:/.test(url)) return new AmqpBroker(url, settings);
  throw new TidingsError(
    "APP_INVALID_URL",
    `expected a broker URL with one of the schemes sqlite:, memory:, redis:, rediss:, redis+sentinel:, rediss+sentinel:, amqp:, amqps:, got \`${schemeOf(url)}\``,
  );
}

/** What may be shown of a URL: the rest can hold a password. */
function schemeOf(url: string): string {
  return /^[a-z][a-z+.-]*:/i.exec(url)?.[0] ?? "no scheme";
}

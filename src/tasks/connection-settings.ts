import { assertPositiveInteger, invalidOption } from "../core/options.ts";
import type { RedisTlsOptions } from "../redis/index.ts";

/** How to speak with broker and results, where a URL is not enough. */
export interface ConnectionSettings {
  /** For `rediss:` and `amqps:`: whom to trust, and who we are. @default what Node trusts */
  readonly tls?: RedisTlsOptions | undefined;
  /**
   * After so long a message that a Python worker took from Redis, and never ended, is taken for lost.
   *
   * Must be that of the Python workers (`visibility_timeout`). What our own workers take has a lease.
   * @default 3_600_000
   */
  readonly visibilityTimeoutMs?: number | undefined;
  /**
   * What all keys and channels of the broker begin with, on Redis, so that several may share a database.
   *
   * Must be that of the Python processes (`global_keyprefix` of `broker_transport_options`).
   * @default none
   */
  readonly keyPrefix?: string | undefined;
  /**
   * The same of results (`global_keyprefix` of `result_backend_transport_options`, from Celery 5.3).
   *
   * As there, `_` follows unless it ends with one of `:_-.` Where it is that of the broker, an outcome is
   * stored and its message ended in one step.
   * @default none
   */
  readonly resultKeyPrefix?: string | undefined;
  /** What queues are made of that are not there yet, on RabbitMQ. @default "classic" */
  readonly queueType?: "classic" | "quorum" | undefined;
  /** The highest priority of such queues, as Celery's `task_queue_max_priority`. @default none */
  readonly maxPriority?: number | undefined;
}

/** Checks the prefix of keys; empty when there is none. */
export function toKeyPrefix({ keyPrefix = "" }: ConnectionSettings): string {
  return assertPrefix("keyPrefix", keyPrefix);
}

/** Checks the prefix of results' keys, and ends it as Celery does; empty when there is none. */
export function toResultKeyPrefix({ resultKeyPrefix = "" }: ConnectionSettings): string {
  const prefix = assertPrefix("resultKeyPrefix", resultKeyPrefix);
  return prefix === "" || /[:_.-]$/.test(prefix) ? prefix : `${prefix}_`;
}

function assertPrefix(name: string, prefix: unknown): string {
  if (typeof prefix === "string" && prefix.length <= 255 && !/\s/.test(prefix)) return prefix;
  throw invalidOption(name, "text of at most 255 characters without spaces", prefix);
}

/** "visibility_timeout": Celery's default on Redis is an hour. */
const DEFAULT_VISIBILITY_MS = 3_600_000;

/** Checks the visibility timeout; the default when there is none. */
export function toVisibilityTimeout({ visibilityTimeoutMs }: ConnectionSettings): number {
  if (visibilityTimeoutMs === undefined) return DEFAULT_VISIBILITY_MS;
  return assertPositiveInteger("visibilityTimeoutMs", visibilityTimeoutMs);
}

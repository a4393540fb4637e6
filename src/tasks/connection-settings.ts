import { assertPositiveInteger } from "../core/options.ts";
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
  /** What queues are made of that are not there yet, on RabbitMQ. @default "classic" */
  readonly queueType?: "classic" | "quorum" | undefined;
  /** The highest priority of such queues, as Celery's `task_queue_max_priority`. @default none */
  readonly maxPriority?: number | undefined;
}

/** "visibility_timeout": Celery's default on Redis is an hour. */
const DEFAULT_VISIBILITY_MS = 3_600_000;

/** Checks the visibility timeout; the default when there is none. */
export function toVisibilityTimeout({ visibilityTimeoutMs }: ConnectionSettings): number {
  if (visibilityTimeoutMs === undefined) return DEFAULT_VISIBILITY_MS;
  return assertPositiveInteger("visibilityTimeoutMs", visibilityTimeoutMs);
}

import { setTimeout as sleep } from "node:timers/promises";

import { assertBackoff, backoffMs, type BackoffOptions } from "../core/backoff.ts";
import { isTidingsError } from "../core/errors.ts";
import { assertKnownOptions, invalidOption } from "../core/options.ts";
import { PUBLISH_RETRY_OPTIONS } from "./option-names.ts";

/** How a call is sent again when the broker could not keep it. */
export interface PublishRetryOptions extends BackoffOptions {
  /** How often. @default 3 */
  readonly maxRetries?: number | undefined;
}

/** The option of a call. */
export interface PublishRetry {
  /**
   * How it is sent again while the broker cannot be reached; `false` for not at all.
   *
   * A broker that broke off may have it already: then a worker that finds its outcome recorded does not
   * run it again, but one that takes it at the same time does. @default 3 retries within 5 seconds
   */
  readonly publishRetry?: boolean | PublishRetryOptions | undefined;
}

/** No try begins later than this after the first. */
const PATIENCE_MS = 5_000;

const DEFAULTS = { baseMs: 200, maxMs: 1_000 };

/** How {@link retryPublish} tries. */
export interface PublishTries<T> {
  /** Is told how often it has failed. */
  readonly publish: (failures: number) => Promise<T>;
  readonly retry: PublishRetry["publishRetry"];
  /** Ends the waiting: fires when there is no broker left to wait for. */
  readonly signal: AbortSignal;
}

/** Publishes, and tries again as long as the storage is unavailable. */
export async function retryPublish<T>({
  publish,
  retry = true,
  signal,
}: PublishTries<T>): Promise<T> {
  const { maxRetries = 3, ...backoff } = typeof retry === "boolean" ? {} : retry;
  const limit = retry === false ? 0 : maxRetries;
  const startedAt = performance.now();
  for (let failures = 0; ; failures++) {
    try {
      return await publish(failures);
    } catch (error) {
      if (!isTidingsError(error, "STORAGE_UNAVAILABLE") || failures >= limit) throw error;
      const waitMs = backoffMs(failures, { ...DEFAULTS, ...backoff });
      const elapsedMs = performance.now() - startedAt;
      if (signal.aborted || elapsedMs + waitMs > PATIENCE_MS) throw error;
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) throw error;
    }
  }
}

/** Throws OPTION_INVALID when it makes no sense. */
export function assertPublishRetry({ publishRetry }: PublishRetry): void {
  if (publishRetry === undefined || typeof publishRetry === "boolean") return;
  if (typeof publishRetry !== "object" || publishRetry === null) {
    throw invalidOption("publishRetry", "a boolean or how often and when", publishRetry);
  }
  assertKnownOptions("`publishRetry`", publishRetry, PUBLISH_RETRY_OPTIONS);
  const { maxRetries, ...backoff } = publishRetry;
  if (maxRetries !== undefined && !(Number.isSafeInteger(maxRetries) && maxRetries >= 0)) {
    throw invalidOption("publishRetry.maxRetries", "an integer of 0 or more", maxRetries);
  }
  assertBackoff(backoff);
}

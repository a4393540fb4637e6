import { assertDuration } from "./options.ts";

/** How long to wait between tries. */
export interface BackoffOptions {
  /** The upper end of the first wait. @default 500 */
  readonly baseMs?: number | undefined;
  /** The upper end of every wait. @default 30_000 */
  readonly maxMs?: number | undefined;
  /** Spread waits evenly between 0 and their upper end ("full jitter"). @default true */
  readonly jitter?: boolean | undefined;
  /** A number in [0, 1), for tests. @default Math.random */
  readonly random?: (() => number) | undefined;
}

/** Throws OPTION_INVALID when a backoff that a user has set makes no sense. */
export function assertBackoff({ baseMs = 0, maxMs = 0 }: BackoffOptions): void {
  assertDuration("baseMs", baseMs);
  assertDuration("maxMs", maxMs);
}

/**
 * Returns how many milliseconds to wait before the given try, the first being 0.
 *
 * The upper end doubles with each try up to `maxMs`. Full jitter, so that clients cut at the same
 * moment do not come back at the same moment.
 */
export function backoffMs(
  attempt: number,
  { baseMs = 500, maxMs = 30_000, jitter = true, random = Math.random }: BackoffOptions = {},
): number {
  const upper = Math.min(maxMs, baseMs * 2 ** Math.min(attempt, 52));
  return jitter ? random() * upper : upper;
}

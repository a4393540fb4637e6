import { TidingsError } from "../core/errors.ts";

/**
 * Waits for an answer, but no longer than it may take. What comes later is nobody's.
 *
 * @throws {TidingsError} REQUEST_TIMED_OUT when it has not come in time.
 */
export async function inTime<T>(answer: Promise<T>, timeoutMs: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new TidingsError("REQUEST_TIMED_OUT", `no answer within ${timeoutMs} ms`));
  }, timeoutMs);
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

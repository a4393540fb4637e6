import { RedisUnavailable } from "./redis-errors.ts";

/**
 * Waits so long for what Redis answers; the command itself goes on.
 *
 * A process that has stood still reads what has come meanwhile before it gives up.
 *
 * @throws {RedisUnavailable} when it takes longer.
 */
export async function within<T>(
  waitMs: number,
  reply: Promise<T>,
  message = "Redis does not answer",
): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const giveUp = (): void => reject(new RedisUnavailable(message));
  const timer = setTimeout(() => setImmediate(giveUp), Math.max(0, waitMs));
  try {
    return await Promise.race([reply, late]);
  } finally {
    clearTimeout(timer);
  }
}

import { expect } from "vitest";

/** Expects something of what a page shows soon; a busy machine gets twenty seconds. */
export function eventually<T>(
  read: () => Promise<T>,
  timeout: number = 20_000,
): ReturnType<typeof expect.poll<T>> {
  return expect.poll(read, { timeout });
}

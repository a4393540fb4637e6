import type { Middleware } from "tidings";
import { expect } from "vitest";

/** Sees the requests that reach a route. */
export interface RequestCount {
  readonly middleware: Middleware;
  /** Waits until so many have come: each is with what answers it before the next comes in. */
  reached(count: number): Promise<void>;
}

/** Counts the requests that reach the routes behind its middleware. */
export function countRequests(): RequestCount {
  let count = 0;
  return {
    middleware: () => void (count += 1),
    reached: async (expected) => await expect.poll(() => count).toBeGreaterThanOrEqual(expected),
  };
}

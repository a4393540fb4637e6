import { expect, test } from "vitest";

import { silentLogger } from "../core/logger.ts";
import { runUntilStopped } from "./run-until-stopped.ts";

test("a start that fails halfway is stopped within its time, and its error is thrown", async () => {
  const listeners = process.listenerCount("SIGTERM");
  const stops: AbortSignal[] = [];
  const run = runUntilStopped({
    name: "server",
    logger: silentLogger,
    stopTimeoutMs: 10,
    start: () => Promise.reject(new Error("halfway")),
    async stop(signal) {
      stops.push(signal);
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    },
  });
  await expect(run).rejects.toThrow("halfway");
  expect(stops).toHaveLength(1);
  expect(process.listenerCount("SIGTERM")).toBe(listeners);
});

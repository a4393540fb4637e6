import { expect, onTestFinished, test, vi } from "vitest";

import { Health } from "./health.ts";

test("a check that does not answer counts as not available, and holds up no other", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const asked: string[] = [];
  const checks = {
    disk: async () => {
      asked.push("disk");
      return await new Promise<never>(() => {});
    },
    network: () => {
      asked.push("network");
      return undefined;
    },
  };
  const reasons = new Health({ checks }).reasons();
  expect(asked).toEqual(["disk", "network"]);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(await reasons).toEqual(["disk: no answer within 2000 ms"]);
});

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

test("however many ask at the same time, each check is asked once", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  let asked = 0;
  const checks = {
    disk: () => {
      asked += 1;
      return asked === 1 ? promise : undefined;
    },
  };
  const health = new Health({ checks });
  const first = health.reasons();
  const second = health.reasons();
  health.isDraining = true;
  resolve("full");
  expect(await Promise.all([first, second])).toEqual([
    ["draining", "disk: full"],
    ["draining", "disk: full"],
  ]);
  expect(asked).toBe(1);
  expect(await health.reasons()).toEqual(["draining"]);
  expect(asked).toBe(2);
});

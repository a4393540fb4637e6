import { afterEach, expect, test, vi } from "vitest";

import { HomeWatch } from "./home-watch.ts";

afterEach(() => void vi.useRealTimers());

/** A watch over processes, those that answer, and whom it has asked. */
function makeWatch() {
  vi.useFakeTimers();
  const pinged: string[] = [];
  const alive = new Set(["a"]);
  const watch: HomeWatch = new HomeWatch(async (home) => {
    pinged.push(home);
    if (alive.has(home)) watch.hear(home);
  });
  return { watch, pinged, alive };
}

test("a process that is silent for 2.5 s counts as dead, one that answers does not", () => {
  const { watch, pinged, alive } = makeWatch();
  const silent: string[] = [];
  watch.add("a", () => silent.push("a"));
  watch.add("b", () => silent.push("b"));
  watch.add("b", () => silent.push("b again"));
  vi.advanceTimersByTime(2_400);
  expect(silent).toEqual([]);
  vi.advanceTimersByTime(200);
  expect(silent).toEqual(["b", "b again"]);
  // Once for all that it owes.
  expect(pinged.filter((home) => home === "b")).toHaveLength(4);
  alive.clear();
  vi.advanceTimersByTime(3_000);
  expect(silent).toContain("a");
});

test("nobody is asked any more when nobody waits", () => {
  const { watch, pinged } = makeWatch();
  const unwatch = watch.add("a", () => {});
  vi.advanceTimersByTime(600);
  unwatch();
  vi.advanceTimersByTime(5_000);
  expect(pinged).toEqual(["a"]);
  expect(vi.getTimerCount()).toBe(0);
});

test("while this process was suspended nobody could be heard, and nobody counts as dead for it", () => {
  const { watch, alive } = makeWatch();
  alive.clear();
  const silent: string[] = [];
  watch.add("a", () => silent.push("a"));
  vi.advanceTimersByTime(500);
  // The clock goes on, the timers do not.
  const now = vi.spyOn(performance, "now").mockReturnValue(performance.now() + 60_000);
  vi.advanceTimersByTime(500);
  expect(silent).toEqual([]);
  now.mockRestore();
});

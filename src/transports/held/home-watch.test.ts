import { afterEach, expect, test, vi } from "vitest";

import { HomeWatch } from "./home-watch.ts";

afterEach(() => void vi.useRealTimers());

/** A watch over processes, those that answer, and whom it has asked. */
function makeWatch() {
  vi.useFakeTimers();
  const pinged: string[] = [];
  const alive = new Set(["a"]);
  const asked: (readonly number[])[] = [];
  const watch: HomeWatch = new HomeWatch(async (home, numbers) => {
    pinged.push(home);
    asked.push(numbers);
    if (alive.has(home)) watch.hear(home);
  });
  let lastNumber = 0;
  /** Watches over one more question; what its end is called is told. */
  const add = (home: string, onNoAnswer: (reason: string) => void = () => {}): (() => void) =>
    watch.add(home, { number: ++lastNumber, onNoAnswer });
  return { watch, add, pinged, asked, alive };
}

test("a process that is silent for 2.5 s counts as dead, one that answers does not", () => {
  const { add, pinged, alive } = makeWatch();
  const silent: string[] = [];
  add("a", () => silent.push("a"));
  add("b", () => silent.push("b"));
  add("b", () => silent.push("b again"));
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
  const { add, pinged } = makeWatch();
  const unwatch = add("a", () => {});
  vi.advanceTimersByTime(600);
  unwatch();
  vi.advanceTimersByTime(5_000);
  expect(pinged).toEqual(["a"]);
  expect(vi.getTimerCount()).toBe(0);
});

test("while this process was suspended nobody could be heard, and nobody counts as dead for it", () => {
  const { add, alive } = makeWatch();
  alive.clear();
  const silent: string[] = [];
  add("a", () => silent.push("a"));
  vi.advanceTimersByTime(500);
  // The clock goes on, the timers do not.
  const now = vi.spyOn(performance, "now").mockReturnValue(performance.now() + 60_000);
  vi.advanceTimersByTime(500);
  expect(silent).toEqual([]);
  now.mockRestore();
});

test("a question that a living process does not know was missed, and is told of at once", () => {
  const { watch, add, asked } = makeWatch();
  const told: string[] = [];
  add("a", (reason) => told.push(`1 ${reason}`));
  add("a", (reason) => told.push(`2 ${reason}`));
  vi.advanceTimersByTime(500);
  expect(asked).toEqual([[1, 2]]);
  watch.hear("a", [2, 3]);
  expect(told).toEqual(["2 missed"]);
});

test("a process is asked about 500 questions at a time, in turn", () => {
  const { add, asked } = makeWatch();
  for (let count = 0; count < 1_200; count++) add("a");
  vi.advanceTimersByTime(1_500);
  expect(asked.map((numbers) => [numbers.length, numbers[0]])).toEqual([
    [500, 1],
    [500, 501],
    [500, 1_001],
  ]);
});

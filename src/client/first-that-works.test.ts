import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";

import { firstThatWorks } from "./first-that-works.ts";
import { Interruption } from "./interruption.ts";
import { reconnecting } from "./reconnecting.ts";
import type { Closing } from "./status.ts";

beforeEach(() => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
});

type Way = "blocked" | "away" | { readonly openMs: number };

/**
 * Runs attempts over three ways, of which each does what `ways` says now, until a time has passed; returns
 * which were tried when, in seconds.
 */
async function run(ways: Way[], totalMs: number): Promise<readonly string[]> {
  const tried: string[] = [];
  const begin = Date.now();
  const [first = 0, ...others] = ways.keys();
  const attempt = firstThatWorks(
    [first, ...others],
    () => {},
    // oxlint-disable-next-line eslint/require-yield -- nothing comes but ends
    async function* attemptOne(index, { opened, signal }): AsyncGenerator<never, Closing> {
      tried.push(`${index} at ${Math.floor((Date.now() - begin) / 1_000)}`);
      const way = ways[index] ?? "away";
      if (way === "blocked") throw new Interruption("blocked", { isBlocked: true });
      if (way === "away") throw new Interruption("away");
      opened();
      await sleep(way.openMs, signal);
      if (signal.aborted) return {};
      throw new Interruption("broke");
    },
  );
  const end = new AbortController();
  const items = reconnecting(attempt, { signal: end.signal, onStatus() {} });
  const over = items.next();
  await vi.advanceTimersByTimeAsync(totalMs);
  end.abort();
  await over;
  return tried;
}

async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, ms);
    signal.addEventListener("abort", () => resolve());
  });
}

const steady = { openMs: 10_000_000 };

describe("firstThatWorks", () => {
  test("falls from a blocked way to the next at once", async () => {
    expect(await run(["blocked", "blocked", steady], 1_000)).toEqual([
      "0 at 0",
      "1 at 0",
      "2 at 0",
    ]);
  });

  test("stays with the way of a server that is away", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.999);
    expect(await run(["away", steady], 3_000)).toEqual(["0 at 0", "0 at 0", "0 at 1"]);
  });

  test("waits before it begins again when every way is blocked", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.999);
    expect(await run(["blocked", "blocked"], 600)).toEqual([
      "0 at 0",
      "1 at 0",
      "0 at 0",
      "1 at 0",
    ]);
  });

  test("tries the best way again after a minute, then two, then four, and at last every fifteen", async () => {
    const tried = await run(["blocked", "blocked", steady], 70 * 60_000);
    const best = tried
      .filter((line) => line.startsWith("0"))
      .map((line) => Number(line.split(" at ")[1]));
    expect(best.map((seconds) => seconds / 60)).toEqual([0, 1, 3, 7, 15, 30, 45, 60]);
    // One that was blocked before is not tried on the way back.
    expect(tried.filter((line) => line.startsWith("1"))).toEqual(["1 at 0"]);
  });

  test("stays with the best way once it opens again", async () => {
    const ways: Way[] = ["blocked", steady];
    setTimeout(() => (ways[0] = steady), 30_000);
    expect(await run(ways, 600_000)).toEqual(["0 at 0", "1 at 0", "0 at 60"]);
  });

  test("gives up a way that breaks three times in a row soon after it opened", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    expect(await run([{ openMs: 10 }, steady], 1_000)).toEqual([
      "0 at 0",
      "0 at 0",
      "0 at 0",
      "1 at 0",
    ]);
    expect(await run([{ openMs: 6_000 }, steady], 19_000)).toEqual([
      "0 at 0",
      "0 at 6",
      "0 at 12",
      "0 at 18",
    ]);
  });
});

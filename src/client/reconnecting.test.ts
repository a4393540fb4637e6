import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";

import { TidingsError } from "../core/errors.ts";
import { Interruption } from "./interruption.ts";
import { reconnecting, type Attempt } from "./reconnecting.ts";
import type { AttemptChange } from "./status.ts";

beforeEach(() => {
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
});

/** Runs attempts to their end; `act` is what each does when it has opened. */
async function run(act: (attempt: number) => void): Promise<readonly AttemptChange[]> {
  const changes: AttemptChange[] = [];
  let count = 0;
  const attempt: Attempt<number> = async function* ({ opened }) {
    count += 1;
    opened();
    opened();
    yield count;
    act(count);
    return { reason: "over" };
  };
  const abort = new AbortController();
  const items = reconnecting(attempt, {
    signal: abort.signal,
    onStatus: (change) => changes.push(change),
  });
  const reading = readAll(items);
  await vi.runAllTimersAsync();
  await reading;
  return changes;
}

async function readAll(items: AsyncIterable<unknown>): Promise<void> {
  try {
    for await (const item of items) expect(item).toBeTypeOf("number");
  } catch {
    // The changes say why.
  }
}

function waits(changes: readonly AttemptChange[]): readonly (number | undefined)[] {
  return changes.filter(({ status }) => status === "waiting").map(({ retryInMs }) => retryInMs);
}

describe("reconnecting", () => {
  test("waits longer with each failure, up to a limit (PROTOCOL.md 3.5)", async () => {
    const changes = await run((attempt) => {
      if (attempt <= 9) throw new Error("away");
    });
    expect(waits(changes)).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
    expect(changes.at(-1)).toEqual({ status: "closed", reason: "over" });
  });

  test("begins with a short wait again after a connection that has lasted", async () => {
    const changes = await run((attempt) => {
      if (attempt === 4) vi.setSystemTime(Date.now() + 5_000);
      if (attempt <= 5) throw new Error("away");
    });
    expect(waits(changes)).toEqual([250, 500, 1_000, 250, 500]);
  });

  test("waits as long as the server asks, within reason", async () => {
    const changes = await run((attempt) => {
      if (attempt === 1) throw new Interruption("busy", { retryAfterMs: 2_000 });
      if (attempt === 2) throw new Interruption("busy", { retryAfterMs: 86_400_000 });
    });
    expect(waits(changes)).toEqual([2_250, 60_500]);
  });

  test("tries again at once when it broke off itself", async () => {
    const changes = await run((attempt) => {
      if (attempt < 5) throw new Interruption("too slow", { isOurs: true });
    });
    expect(changes.map(({ status }) => status).join(" ")).toBe(
      `${"connecting open ".repeat(5)}closed`,
    );
  });

  test("ends with what is final, and says why it is closed", async () => {
    const changes = await run(() => {
      throw new TidingsError("CLIENT_PROTOCOL", "no feed");
    });
    expect(changes).toEqual([
      { status: "connecting" },
      { status: "open" },
      { status: "closed", reason: "no feed" },
    ]);
  });
});

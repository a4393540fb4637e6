import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { MemoryLayer } from "../layers/index.ts";
import { reportIncidents } from "./report-incidents.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("reportIncidents", () => {
  test("logs the first at once, then one line a second with the count since", async () => {
    await using layer = new MemoryLayer({ capacity: 1 });
    const counts: unknown[] = [];
    const log = (fields: object): void => void counts.push("count" in fields && fields.count);
    const end = reportIncidents(layer, { debug: log, info: log, warn: log, error: log });
    const channel = await layer.newChannel();
    const fill = async (n: number): Promise<void> => {
      for (let i = 0; i < n; i++) await layer.send(channel, { type: "x" }).catch(() => {});
    };
    await fill(2);
    expect(counts).toEqual([1]);
    await fill(3);
    expect(counts).toEqual([1]);
    vi.advanceTimersByTime(1_000);
    expect(counts).toEqual([1, 3]);
    vi.advanceTimersByTime(5_000);
    expect(vi.getTimerCount()).toBe(0);
    await fill(2);
    end();
    expect(counts).toEqual([1, 3, 1, 1]);
    await fill(1);
    expect(counts).toHaveLength(4);
    expect(vi.getTimerCount()).toBe(0);
  });
});

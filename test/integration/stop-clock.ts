import { onTestFinished, vi } from "vitest";

/** The time in this process, in the hands of a test. */
export interface StoppedClock {
  advance(ms: number): void;
}

/** Stops `Date` and `performance.now` until the test is over; timers go on. */
export function stopClock(): StoppedClock {
  vi.useFakeTimers({ toFake: ["Date", "performance"] });
  onTestFinished(() => void vi.useRealTimers());
  return { advance: (ms) => void vi.advanceTimersByTime(ms) };
}

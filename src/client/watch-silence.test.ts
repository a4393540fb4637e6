import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";

import { watchSilence } from "./watch-silence.ts";

const HOUR_MS = 3_600_000;

beforeEach(() => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
});

/** Watches somebody for 20 s of silence. */
function watch() {
  const onSilent = vi.fn<() => void>();
  return { onSilent, ...watchSilence(20_000, onSilent) };
}

describe("silence", () => {
  test("is noticed once, a while after the last word (PROTOCOL.md 4.4)", () => {
    const { onSilent, heard } = watch();
    vi.advanceTimersByTime(19_000);
    heard();
    vi.advanceTimersByTime(16_000);
    expect(onSilent).not.toHaveBeenCalled();
    vi.advanceTimersByTime(HOUR_MS);
    expect(onSilent).toHaveBeenCalledTimes(1);
  });

  test("is noticed soon after a sleep, in which no timer runs (PROTOCOL.md 4.4)", () => {
    const { onSilent } = watch();
    vi.setSystemTime(Date.now() + HOUR_MS);
    vi.advanceTimersByTime(5_000);
    expect(onSilent).toHaveBeenCalledTimes(1);
  });

  test("is noticed in time when the clock is set back", () => {
    const { onSilent } = watch();
    vi.setSystemTime(Date.now() - HOUR_MS);
    vi.advanceTimersByTime(20_000);
    expect(onSilent).toHaveBeenCalledTimes(1);
  });

  test("is no sleep for who spoke after it", () => {
    const { onSilent, heard } = watch();
    vi.setSystemTime(Date.now() + HOUR_MS);
    heard();
    vi.advanceTimersByTime(5_000);
    expect(onSilent).not.toHaveBeenCalled();
  });

  test("is of no interest any more when the watch has stopped", () => {
    const { onSilent, stop } = watch();
    stop();
    vi.advanceTimersByTime(HOUR_MS);
    expect(onSilent).not.toHaveBeenCalled();
  });
});

import { describe, expect, test } from "vitest";

import { TidingsError } from "../core/errors.ts";
import { Retry, retryDelay } from "./retry.ts";

const error = new Error("failed");

describe("retryDelay", () => {
  test("tries nothing again unless it is told to", () => {
    expect(retryDelay(error, 0, {})).toBeNull();
    expect(retryDelay(error, 0, { retryBackoff: true })).toBeNull();
  });

  test("waits a second, or what the options say", () => {
    expect(retryDelay(error, 0, { maxRetries: 1 })).toBe(1_000);
    expect(retryDelay(error, 1, { maxRetries: 2, retryDelayMs: 5 })).toBe(5);
    expect(retryDelay(error, 2, { maxRetries: 2, retryDelayMs: 5 })).toBeNull();
  });

  test("tries only the errors again that are meant, 3 times unless told otherwise", () => {
    const options = { autoRetryFor: [RangeError, (thrown: Error) => thrown.message === "again"] };
    expect(retryDelay(new RangeError("x"), 2, options)).toBe(1_000);
    expect(retryDelay(new RangeError("x"), 3, options)).toBeNull();
    expect(retryDelay(new Error("again"), 0, options)).toBe(1_000);
    expect(retryDelay(new Error("other"), 0, options)).toBeNull();
    expect(retryDelay(new Retry(), 0, options)).toBe(1_000);
  });

  test("does not try the errors again that are not meant", () => {
    const options = { maxRetries: Infinity, dontAutoRetryFor: [TypeError] };
    expect(retryDelay(new TypeError("x"), 0, options)).toBeNull();
    expect(retryDelay(new RangeError("x"), 1_000_000, options)).toBe(1_000);
  });

  test("doubles the wait up to its bound, evenly spread", () => {
    const random = (): number => 0.5;
    const options = { maxRetries: 20, retryBackoff: { baseMs: 100, maxMs: 1_000, random } };
    expect([0, 1, 2, 9].map((retries) => retryDelay(error, retries, options))).toEqual([
      50, 100, 200, 500,
    ]);
    const delay = retryDelay(error, 0, { maxRetries: 1, retryBackoff: true });
    expect(delay).toBeGreaterThanOrEqual(0);
    expect(delay).toBeLessThan(500);
  });

  test("lets a task choose its own wait, three times unless the options say how often", () => {
    const retry = new Retry({ countdownMs: 7 });
    expect([0, 2, 3].map((retries) => retryDelay(retry, retries, {}))).toEqual([7, 7, null]);
    expect(retryDelay(retry, 3, { maxRetries: 4 })).toBe(7);
    expect(retryDelay(retry, 0, { maxRetries: 0 })).toBeNull();
    expect(retryDelay(new Retry(), 0, { retryDelayMs: 9 })).toBe(9);
  });

  test("does not repeat what can never succeed", () => {
    for (const code of ["TASK_INVALID_ARGUMENTS", "TASK_TOO_LARGE"] as const) {
      expect(retryDelay(new TidingsError(code, "no"), 0, { maxRetries: 5 })).toBeNull();
    }
  });
});

describe("Retry", () => {
  test("carries why", () => {
    const retry = new Retry({ cause: new Error("busy") });
    expect([retry.name, retry.message]).toEqual(["Retry", "busy"]);
    expect(new Retry().message).toBe("asked to be tried again");
    expect(() => new Retry({ countdownMs: -1 })).toThrow("`countdownMs`");
    expect(() => new Retry({ queue: " " })).toThrow("`queue`");
    expect(() => new Retry({ args: JSON.parse("{}") })).toThrow("`args`");
    expect(() => new Retry({ kwargs: JSON.parse("[]") })).toThrow("`kwargs`");
  });
});

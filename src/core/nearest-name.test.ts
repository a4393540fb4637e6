import { describe, expect, test } from "vitest";

import { didYouMean, nearestName } from "./nearest-name.ts";

const known = ["countdownMs", "eta", "expires", "expiresInMs", "queue"];

describe("the nearest name", () => {
  test.each([
    ["countdown", "countdownMs"],
    ["countDownMs", "countdownMs"],
    ["expirse", "expires"],
    ["ETA", undefined],
    ["et", "eta"],
    ["colour", undefined],
    ["", undefined],
    ["x".repeat(100_000), undefined],
  ])("to %.20s is %s", (wrong, nearest) => {
    expect(nearestName(wrong, known)).toBe(nearest);
  });

  test("becomes a question, or nothing", () => {
    expect(didYouMean("queu", known)).toBe(" (did you mean `queue`?)");
    expect(didYouMean("colour", known)).toBe("");
  });
});

import { describe, expect, test } from "vitest";

import { isTidingsError, TidingsError } from "../../../core/errors.ts";
import { matchesError } from "../../error-match.ts";
import { Ignore } from "../../ignore.ts";
import { JsonRefusal } from "../../message/json-text.ts";
import { Reject } from "../../reject.ts";
import { Retry } from "../../retry.ts";
import { fromErrorMessage, toErrorMessage } from "./error-message.ts";

function cross(thrown: unknown): Error {
  return fromErrorMessage(structuredClone(toErrorMessage(thrown)));
}

describe("an error that crosses to another process", () => {
  test("keeps its name, message and stack", () => {
    const error = new RangeError("too far");
    expect(cross(error)).toMatchObject({
      name: "RangeError",
      message: "too far",
      stack: error.stack,
    });
    expect(cross("text")).toMatchObject({ name: "Error", message: "thrown: text" });
  });

  test("is matched by the classes that it had", () => {
    class PaymentError extends RangeError {}
    class OtherError extends Error {}
    const error = cross(new PaymentError("no money"));
    expect(error).not.toBeInstanceOf(PaymentError);
    expect(matchesError(error, [PaymentError])).toBe(true);
    expect(matchesError(error, [RangeError])).toBe(true);
    expect(matchesError(error, [OtherError, TypeError])).toBe(false);
    expect(matchesError(error, [({ message }) => message === "no money"])).toBe(true);
  });

  test("stays what workers look for", () => {
    expect(isTidingsError(cross(new TidingsError("TASK_TOO_LARGE", "m")), "TASK_TOO_LARGE")).toBe(
      true,
    );
    const retry = cross(new Retry({ countdownMs: 5, cause: new TypeError("why") }));
    expect(retry).toBeInstanceOf(Retry);
    expect(retry).toMatchObject({ countdownMs: 5, cause: { name: "TypeError", message: "why" } });
    const changes = { args: [2n ** 70n, new Date(5)], kwargs: { a: null }, queue: "slow" };
    expect(cross(new Retry(changes))).toMatchObject(changes);
    expect(cross(new Retry({ args: [Symbol("no")] }))).toBeInstanceOf(JsonRefusal);
    expect(cross(new Ignore("never mind"))).toBeInstanceOf(Ignore);
    const reject = cross(new Reject({ requeue: true, countdownMs: 7, reason: "later" }));
    expect(reject).toBeInstanceOf(Reject);
    expect(reject).toMatchObject({ requeue: true, countdownMs: 7, message: "later" });
    expect(cross(new JsonRefusal("no JSON"))).toBeInstanceOf(JsonRefusal);
  });
});

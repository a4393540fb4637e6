import { expect, test } from "vitest";

import { toErrorFields } from "./error-fields.ts";

test("an error in the log says the same once, and what its causes add", () => {
  const cause = new Error("cannot connect: refused", { cause: new Error("refused") });
  const told = new Error("the broker is away, cannot connect: refused", { cause });
  expect(toErrorFields(told)).toMatchObject({ type: "Error", message: told.message });
  expect(toErrorFields(new Error("the broker is away", { cause }))).toMatchObject({
    message: "the broker is away: cannot connect: refused",
  });
  const endless = new Error("round");
  endless.cause = endless;
  expect(toErrorFields(endless)).toMatchObject({ message: "round" });
  expect(toErrorFields("text")).toBe("text");
});

test("a cause that gives the same reason in other words is not repeated", () => {
  const cause = new Error("redis refused the command: NOAUTH Authentication required.");
  const error = new Error("cannot connect to Redis: NOAUTH Authentication required.", { cause });
  expect(toErrorFields(error)).toMatchObject({ message: error.message });
});

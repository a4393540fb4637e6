import { expect, test } from "vitest";

import { consumer } from "./consumer.ts";
import { feed } from "./feed.ts";
import { httpConsumer } from "./http-consumer.ts";
import { under, use } from "./routes.ts";

/** As a program without types has it. */
const untyped = (value: unknown) => Object({ value }).value;

const wrong = [false, true, null, "no", 1, {}, [() => true]].map(untyped);
const schema = untyped({ "~standard": {} });

const options: readonly (readonly [string, (value: unknown) => unknown])[] = [
  ["authorize", (value) => feed({ path: "/x", snapshot: () => 1, authorize: untyped(value) })],
  ["snapshot", (value) => feed({ path: "/x", snapshot: untyped(value) })],
  [
    "snapshot",
    (value) => feed({ path: "/x", events: async function* () {}, snapshot: untyped(value) }),
  ],
  ["events", (value) => feed({ path: "/x", events: untyped(value) })],
  ["connect", (value) => consumer({ path: "/x", connect: untyped(value) })],
  ["disconnect", (value) => consumer({ path: "/x", disconnect: untyped(value) })],
  ["state", (value) => consumer({ path: "/x", state: untyped(value) })],
  ["receive", (value) => consumer({ path: "/x", receives: schema, receive: untyped(value) })],
  ["receiveText", (value) => consumer({ path: "/x", receiveText: untyped(value) })],
  ["receiveBytes", (value) => consumer({ path: "/x", receiveBytes: untyped(value) })],
  ["handle", (value) => httpConsumer({ path: "/x", handle: untyped(value) })],
];

test.each(options)("says where it is defined that `%s` is no function", (name, define) => {
  for (const value of wrong) {
    expect(() => define(value), String(value)).toThrow(
      expect.objectContaining({
        code: "OPTION_INVALID",
        message: expect.stringContaining(`\`/x\`: expected \`${name}\` to be a function, got`),
      }),
    );
  }
});

test("says where it is defined that the `group` of a feed is neither a string nor a function", () => {
  for (const group of wrong.filter((value) => typeof value !== "string")) {
    expect(() => feed({ path: "/x", snapshot: () => 1, group }), String(group)).toThrow(
      "feed `/x` has a `group` that is neither a string nor a function: `",
    );
  }
});

test("says where they are put that middleware and routes are none", () => {
  const route = consumer({ path: "/x" });
  const pass = untyped(() => undefined);
  for (const value of wrong) {
    expect(() => use([pass, value], [route]), String(value)).toThrow(
      expect.objectContaining({
        code: "APP_INVALID_DEFINITION",
        message: expect.stringContaining("expected middleware 2 of `use` to be a function, got"),
      }),
    );
    expect(() => use([], [route, value]), String(value)).toThrow("expected route 2 of `use` to be");
    expect(() => under("/a", [value]), String(value)).toThrow("expected route 1 of `under` to be");
  }
  for (const value of [...wrong.filter((given) => !Array.isArray(given)), pass]) {
    expect(() => use(value, [route])).toThrow("expected the middleware of `use` to be a list, got");
    expect(() => use([], value)).toThrow("expected the routes of `use` to be a list, got");
  }
});

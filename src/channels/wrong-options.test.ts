import { expect, test } from "vitest";

import { backgroundConsumer } from "./background-consumer.ts";
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

test.each<[string, (x: typeof untyped) => unknown, string]>([
  ["no path of a feed", (x) => feed(x({})), "expected a path like"],
  ["no path of a consumer", (x) => consumer(x({})), "expected a path like"],
  ["no path of an HTTP consumer", (x) => httpConsumer(x({})), "expected a path like"],
  [
    "a word for a reaction of a feed",
    (x) => feed({ path: "/x", group: "g", snapshot: () => 1, on: x({ a: "refresh" }) }),
    '`on.a` to be `refresh()` or `forward()`, got `"refresh"` (string)',
  ],
  [
    "a function for a reaction of a feed",
    (x) => feed({ path: "/x", group: "g", snapshot: () => 1, on: x({ a: () => 1 }) }),
    "`on.a` to be `refresh()` or `forward()`, got",
  ],
  [
    "a word for the reactions of a feed",
    (x) => feed({ path: "/x", group: "g", snapshot: () => 1, on: x("refresh") }),
    "`on` to be an object, got",
  ],
  [
    "a group that no layer takes",
    () => feed({ path: "/x", group: "ä b", snapshot: () => 1 }),
    "expected a group name",
  ],
  [
    "a policy that nobody knows",
    (x) => consumer({ path: "/x", slowConsumer: x("drop") }),
    '"drop-oldest"',
  ],
  [
    "a policy without its function",
    (x) => consumer({ path: "/x", slowConsumer: x({ conflate: "id" }) }),
    "`slowConsumer` to be",
  ],
  ["no policy", (x) => consumer({ path: "/x", slowConsumer: x(null) }), "`slowConsumer` to be"],
  ["`onError` that nobody knows", (x) => consumer({ path: "/x", onError: x("ignore") }), '"keep"'],
  [
    "a word for a schema",
    (x) => consumer({ path: "/x", receives: x("x") }),
    "`receives` to be a schema, or schemas by type, got",
  ],
  [
    "no schema of a message",
    (x) => consumer({ path: "/x", receives: x({ say: {} }), receive: x({ say: () => 1 }) }),
    "`receives.say` to be a schema, got",
  ],
  [
    "a word for replies",
    (x) => consumer({ path: "/x", receives: schema, receive: () => 1, replies: x("x") }),
    "`replies` to be a schema, or schemas by type, got",
  ],
  [
    "no schema of an event",
    (x) => consumer({ path: "/x", events: x({ news: null }) }),
    "`events.news` to be a schema, got",
  ],
  [
    "one schema for all events",
    (x) => consumer({ path: "/x", events: x("x") }),
    "`events` to be schemas by type, got",
  ],
  [
    "a word for a handler of events",
    (x) => consumer({ path: "/x", events: x({ news: schema }), on: x({ news: "forward" }) }),
    "`on.news` to be a function or `forward()`, got",
  ],
  [
    "subprotocols that are none",
    (x) => consumer({ path: "/x", subprotocols: x("chat") }),
    "`subprotocols` to be a list of texts, got",
  ],
  [
    "methods that are none",
    (x) => httpConsumer({ path: "/x", methods: x("GET"), handle: () => new Response() }),
    "`methods` to be a list of texts, got",
  ],
  [
    "a background consumer without events",
    (x) => backgroundConsumer(x({})),
    "`events` to be schemas by type, got",
  ],
  [
    "a background consumer without handlers",
    (x) => backgroundConsumer(x({ events: {} })),
    "`on` to be an object, got",
  ],
])("says where it is defined what is wrong with %s", (_, define, message) => {
  expect(() => define(untyped)).toThrow(
    expect.objectContaining({ name: "TidingsError", message: expect.stringContaining(message) }),
  );
});

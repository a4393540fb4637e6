import { expect, test } from "vitest";

import { Retry } from "./retry.ts";
import { createTasks } from "./tasks.ts";

/** What a program without types may pass. */
const read = (text: string) => JSON.parse(text);
const places = { broker: "memory:", results: "memory:" };

test.each([
  ["null", "task odd takes an object of options, got null"],
  ['{"unique":{"ttl":1}}', '`unique` has no option "ttl" (did you mean `ttlMs`?)'],
  ['{"unique":"yes"}', "`unique` takes an object of options"],
  ['{"concurrency":{"limt":1}}', '`concurrency` has no option "limt" (did you mean `limit`?)'],
  ['{"concurrency":5}', "`concurrency` takes an object of options"],
  ['{"rateLimit":{"count":1,"per":1}}', '`rateLimit` has no option "per"'],
  ['{"debounceMs":{"ms":1}}', "expected `debounceMs` to be a positive integer"],
  ['{"throttleMs":{"ms":1}}', "expected `throttleMs` to be a positive integer"],
  ['{"retryBackoff":"yes"}', "`retryBackoff` takes an object of options"],
  ['{"retryBackoff":{"base":1}}', '`retryBackoff` has no option "base" (did you mean `baseMs`?)'],
  ['{"publishRetry":{"retries":1}}', '`publishRetry` has no option "retries"'],
])("a task says of an odd option what was expected: %s", async (options, message) => {
  await using tasks = createTasks(places);
  expect(() => tasks.task("odd", read(options), () => 1)).toThrow(
    expect.objectContaining({ code: "OPTION_INVALID", message: expect.stringContaining(message) }),
  );
});

test.each([
  ['{"broker":5}', "expected `broker` to be a URL or what it opens, got `5`"],
  ['{"results":null}', "expected `results` to be a URL or what it opens, got `null`"],
  ['{"logger":"info"}', "expected `logger` to be a logger with debug"],
  ['{"routes":5}', "expected `routes` to be a list"],
  ['{"routes":[{"task":"odd","que":"x"}]}', 'a route has no option "que" (did you mean `queue`?)'],
])("a set of tasks says of an odd option what was expected: %s", (options, message) => {
  expect(() => createTasks({ ...places, ...read(options) })).toThrow(
    expect.objectContaining({ code: "OPTION_INVALID", message: expect.stringContaining(message) }),
  );
});

test.each([
  ['{"pool":"threads"}', 'expected `pool` to be "async", or a kind and a module'],
  ['{"pool":{"kind":"threads","modul":"x"}}', '`pool` has no option "modul" (did you mean'],
  ['{"logger":"info"}', "expected `logger` to be a logger with debug"],
])("a worker says of an odd option what was expected: %s", async (options, message) => {
  await using tasks = createTasks(places);
  expect(() => tasks.createWorker(read(options))).toThrow(
    expect.objectContaining({ code: "OPTION_INVALID", message: expect.stringContaining(message) }),
  );
});

test.each([
  ['{"timeout":5}', 'the wait for a result has no option "timeout" (did you mean `timeoutMs`?)'],
  ["5", "the wait for a result takes an object of options, got a number"],
])("a wait for a result says of an odd option what was expected: %s", async (options, message) => {
  await using tasks = createTasks(places);
  await expect(tasks.result("some").get(read(options))).rejects.toThrow(
    expect.objectContaining({ code: "OPTION_INVALID", message: expect.stringContaining(message) }),
  );
});

test("a retry says of an option that nobody knows what was meant", () => {
  expect(() => new Retry(read('{"countdown":5}'))).toThrow(
    'a retry has no option "countdown" (did you mean `countdownMs`?)',
  );
});

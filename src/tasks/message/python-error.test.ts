import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { isRecord } from "../../core/is-record.ts";
import { fromPythonError, toPythonError } from "./python-error.ts";
import { readTypedJson } from "./typed-json.ts";

describe("fromPythonError", () => {
  test.each([
    ["result-failure", "MyErr", "('oops', 42)"],
    ["result-retry", "ValueError", "bad value"],
    ["result-not-registered", "NotRegistered", "no.such.task"],
    ["result-expired", "TaskRevokedError", "expired"],
    [
      "chord-failed-body-result",
      "ChordError",
      "Dependency 6343223e-a068-4b1a-8010-74dc2af5547e raised MyErr('in chord', 42)",
    ],
  ])("reads the captured %s", (name, type, message) => {
    expect(fromPythonError(capturedResult(name))).toEqual({ type, message });
  });

  test.each([
    [
      { exc_type: "E", exc_message: [], exc_module: "m" },
      { type: "E", message: "" },
    ],
    [
      { exc_type: "KeyError", exc_message: [7] },
      { type: "KeyError", message: "7" },
    ],
    [
      { exc_type: "E", exc_message: "as Celery 4 wrote it" },
      { type: "E", message: "as Celery 4 wrote it" },
    ],
    [{ exc_type: 1 }, { type: "Exception", message: "" }],
    ["some text", { type: "Exception", message: "some text" }],
    [null, { type: "Exception", message: "" }],
    [
      { exc_type: "E", exc_message: [{ a: [null, true] }] },
      { type: "E", message: "{'a': [None, True]}" },
    ],
  ])("makes of %j what can be shown", (stored, error) => {
    expect(fromPythonError(stored)).toEqual(error);
  });
});

describe("toPythonError", () => {
  test.each([
    ["TypeError", "builtins", "TypeError"],
    ["RangeError", "builtins", "ValueError"],
    ["Error", "builtins", "Exception"],
    ["MailRefused", "tidings", "MailRefused"],
    ["print", "tidings", "print"],
  ])("makes of %s a class that Python has in %s, or one of that name", (type, module, name) => {
    expect(toPythonError({ type, message: "no" })).toEqual({
      exc_type: name,
      exc_message: ["no"],
      exc_module: module,
    });
  });

  test("names what is Celery's as Celery does", () => {
    const notRegistered = { type: "TASK_NOT_REGISTERED", message: "no task is named" };
    expect(toPythonError(notRegistered, "no.such.task")).toEqual(
      capturedResult("result-not-registered"),
    );
    const expired = { type: "TASK_CANCELLED", message: "the task had expired" };
    expect(toPythonError(expired)).toEqual(capturedResult("result-expired"));
    const running = { type: "TASK_CANCELLED", message: "the task was cancelled while it ran" };
    expect(toPythonError(running).exc_message).toEqual(["terminated"]);
  });
});

/** What a Celery worker stored as the result of a task that failed. */
function capturedResult(name: string): unknown {
  const file = new URL("../../../test/celery/vectors.json", import.meta.url);
  const vectors: unknown = JSON.parse(readFileSync(file, "utf8"));
  const found = Array.isArray(vectors)
    ? vectors.find((vector) => isRecord(vector) && vector["name"] === name)
    : undefined;
  const meta = isRecord(found) ? readTypedJson(String(found["result"])) : undefined;
  if (!isRecord(meta)) throw new Error(`expected a captured result named ${name}`);
  return meta["result"];
}

test.each([
  ["TASK_TIME_LIMIT", "longer than its time limit of 0.5 s", ["TimeLimitExceeded", 0.5]],
  ["TASK_SOFT_TIME_LIMIT", "the task took longer", ["SoftTimeLimitExceeded"]],
  ["TASK_WORKER_LOST", "given up", ["WorkerLostError", "given up"]],
])("a %s is what Celery's pool raises", (type, message, [name, ...args]) => {
  expect(toPythonError({ type, message })).toEqual({
    exc_type: name,
    exc_message: args,
    exc_module: "billiard.exceptions",
  });
});

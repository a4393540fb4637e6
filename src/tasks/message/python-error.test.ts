import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { isRecord } from "./is-record.ts";
import { fromPythonError, toPythonError } from "./python-error.ts";
import { readTypedJson } from "./typed-json.ts";

describe("fromPythonError", () => {
  test.each([
    ["result-failure", "MyErr", "('oops', 42)"],
    ["result-retry", "ValueError", "bad value"],
    ["result-not-registered", "NotRegistered", "no.such.task"],
    ["result-expired", "TaskRevokedError", "expired"],
    ["chord-failed-body-result", "ChordError", /^Dependency .* raised MyErr\('in chord', 42\)$/],
  ])("reads the captured %s", (name, type, message) => {
    const { result } = capturedResult(name);
    expect(fromPythonError(result)).toEqual({
      type,
      message: typeof message === "string" ? message : expect.stringMatching(message),
    });
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
      capturedResult("result-not-registered").result,
    );
    const expired = { type: "TASK_CANCELLED", message: "the task had expired" };
    expect(toPythonError(expired)).toEqual(capturedResult("result-expired").result);
    const running = { type: "TASK_CANCELLED", message: "the task was cancelled while it ran" };
    expect(toPythonError(running).exc_message).toEqual(["terminated"]);
  });
});

function capturedResult(name: string): Readonly<Record<string, unknown>> {
  const vectors: unknown = JSON.parse(
    readFileSync(new URL("celery-vectors.json", import.meta.url), "utf8"),
  );
  const found = Array.isArray(vectors)
    ? vectors.find((vector) => isRecord(vector) && vector["name"] === name)
    : undefined;
  const result = isRecord(found) ? readTypedJson(String(found["result"])) : undefined;
  if (!isRecord(result)) throw new Error(`expected a captured result named ${name}`);
  return result;
}

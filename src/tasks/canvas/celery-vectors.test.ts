import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { isRecord } from "../../core/is-record.ts";
import { readEnvelope } from "../celery-redis/envelope.ts";
import { readRecord, writeRecord } from "../celery-redis/record-text.ts";
import { decodeMessage } from "../message/decode.ts";
import type { TaskMessage } from "../message/message.ts";
import { writePythonJson } from "../message/python-json.ts";
import { pendingRecord } from "../results/task-record.ts";
import { finishChord } from "./finish-chord.ts";
import { planAfter, type AfterPlan } from "./plan-after.ts";

const captured = readVectors();

function afterSuccess(message: TaskMessage, result: unknown): AfterPlan {
  return planAfter(message, { ...pendingRecord(message.id), state: "SUCCESS", result });
}

describe("what Celery's workers sent after a task is what ours send", () => {
  test("the next step of a chain", () => {
    const [first, second] = [messageOf("chain-step1"), messageOf("chain-step2")];
    const { calls, children } = afterSuccess(first, 3);
    expect(calls).toMatchObject([
      {
        task: second.task,
        args: second.args,
        options: { taskId: second.id, rootId: second.rootId, parentId: second.parentId },
        workflow: { embed: { chain: second.embed.chain } },
      },
    ]);
    expect(children).toEqual(recordOf("chain-step1-result").children);
  });

  test("the body of a chord", () => {
    const [header, body] = [messageOf("chord-header0"), messageOf("chord-body")];
    const [member] = afterSuccess(header, 0).members;
    if (!member) throw new Error("expected a member");
    const parts = [0, 2, 4].map((result, index) => ({ ...member.part, index, result }));
    const { rootId } = body;
    const { calls } = finishChord({ member, parts, group: null, rootId });
    expect(calls).toMatchObject([
      {
        task: body.task,
        args: body.args,
        options: { taskId: body.id, groupId: body.group, rootId },
      },
    ]);
  });

  test("a callback and an error callback", () => {
    const message = messageOf("link-original");
    const callback = messageOf("link-callback");
    expect(afterSuccess(message, 10).calls).toMatchObject([
      { task: callback.task, args: callback.args, options: { parentId: callback.parentId } },
    ]);
    const failed = { ...pendingRecord(message.id), state: "FAILURE" } as const;
    const { calls } = planAfter(message, failed);
    expect(calls.map(({ task, args }) => [task, args])).toEqual([
      ["tapp.errback", [message.id]],
      ["tapp.old_errback", [message.id]],
    ]);
  });

  test("a chord in the middle of a chain, its size first", () => {
    const message = messageOf("chain-into-group-into-chord");
    const { calls, headers } = afterSuccess(message, 2);
    expect(headers).toMatchObject([
      { size: 3, group: { id: "b331aa82-687a-43c5-8ef4-86eec256816f" } },
    ]);
    expect(calls.map(({ args, options }) => [args, options.groupIndex])).toEqual([
      [[2, 0], 0],
      [[2, 1], 1],
      [[2, 2], 2],
    ]);
    for (const { options, workflow } of calls) {
      expect(options.groupId).toBe("b331aa82-687a-43c5-8ef4-86eec256816f");
      expect(workflow?.embed?.chord).toMatchObject({ task: "celery.chain", subtask_type: "chain" });
    }
  });
});

const results = captured.flatMap(({ name, result }) => (result === undefined ? [] : String(name)));

describe("a record as Celery wrote it", () => {
  test("is there for each state", () => {
    const states = results.map((name) => String(JSON.parse(textOf(name)).status));
    expect([...new Set(states)].toSorted()).toEqual([
      "FAILURE",
      "PROGRESS",
      "RETRY",
      "REVOKED",
      "SUCCESS",
    ]);
  });

  test.each(results)("is written again, word for word: %s", (name) => {
    const text = textOf(name);
    const { tidings: _, task_id: __, ...ours } = JSON.parse(writeRecord(readRecord("id", text)));
    const { task_id: ___, ...theirs } = JSON.parse(text);
    const done = String(theirs.date_done);
    // Of a class of somebody's own its name and what it says are known here, not where it is.
    if (name === "result-failure") {
      Object.assign(theirs.result, { exc_message: ["('oops', 42)"], exc_module: "tidings" });
    }
    const expected = { ...theirs, date_done: theirs.date_done && toUtc(done) };
    expect(writePythonJson(ours, "ours")).toBe(writePythonJson(expected, "theirs"));
  });
});

/** Milliseconds, and the time zone that Celery 5.2 leaves out. */
function toUtc(time: string): string {
  return time.replace(/(\.\d{3})\d{3}.*/, "$1000+00:00");
}

function recordOf(name: string): ReturnType<typeof readRecord> {
  return readRecord("id", textOf(name));
}

function messageOf(name: string): TaskMessage {
  return decodeMessage(readEnvelope(textOf(name), "none").message);
}

/** What was pushed or stored. */
function textOf(name: string): string {
  const found = captured.find((vector) => vector["name"] === name);
  const text = found?.["envelope"] ?? found?.["result"];
  if (typeof text !== "string") throw new Error(`expected a text captured as ${name}`);
  return text;
}

function readVectors(): readonly Readonly<Record<string, unknown>>[] {
  const file = new URL("../../../test/celery/vectors.json", import.meta.url);
  const vectors: unknown = JSON.parse(readFileSync(file, "utf8"));
  return Array.isArray(vectors) ? vectors.filter(isRecord) : [];
}

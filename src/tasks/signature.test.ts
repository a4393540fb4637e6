import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { isRecord } from "../core/is-record.ts";
import { MemoryBroker } from "./brokers/memory.ts";
import { decodeMessage } from "./message/decode.ts";
import { Signature } from "./signature.ts";
import { createTasks } from "./tasks.ts";

const tasks = createTasks({ broker: "memory:", results: "memory:" });
const add = tasks.task("add", (x: number, y: number) => x + y);
const log = tasks.task("log", (text: string) => text);

const SIX = { task: "add", args: [1], kwargs: {}, options: {}, subtask_type: null };

describe("a signature", () => {
  test("has the six keys of Celery", () => {
    expect(add.s(1).toJSON()).toEqual({ ...SIX, immutable: false });
    expect(add.si(1, 2).toJSON()).toEqual({ ...SIX, args: [1, 2], immutable: true });
    expect(tasks.signature("add", [1], { kwargs: { y: 2 } }).toJSON()).toEqual({
      ...SIX,
      kwargs: { y: 2 },
      immutable: false,
    });
  });

  test("carries options in Celery's words", () => {
    const eta = new Date("2026-01-02T03:04:05.678Z");
    const { options } = add.s(1).set({ countdownMs: 1_500, queue: "q", taskId: "id" });
    expect(options).toEqual({ countdown: 1.5, queue: "q", task_id: "id" });
    expect(add.s().set({ link: log.s(), linkError: [log.s()] }).options).toEqual({
      link: [log.s().toJSON()],
      link_error: [log.s().toJSON()],
    });
    expect(add.s().set({ eta, expires: eta }).options).toEqual({
      eta: "2026-01-02T03:04:05.678000+00:00",
      expires: "2026-01-02T03:04:05.678000+00:00",
    });
  });

  test("never changes", () => {
    const first = add.s(1);
    const second = first.set({ queue: "q" }).link(log.s()).link(log.s("x")).linkError(log.s());
    expect(first.options).toEqual({});
    expect(second.options).toEqual({
      queue: "q",
      link: [log.s().toJSON(), log.s("x").toJSON()],
      link_error: [log.s().toJSON()],
    });
  });

  test("takes a result before its own arguments, unless it is immutable", () => {
    expect(add.s(1).withResult([9]).args).toEqual([9, 1]);
    expect(add.si(1, 2).withResult([9]).args).toEqual([1, 2]);
  });

  test("goes on as it came, whoever has written it", () => {
    const written = {
      ...SIX,
      task: "celery.chord",
      kwargs: { header: [SIX], body: { ...SIX, unknown: [1] }, kwargs: {} },
      options: { task_id: null, stamped_headers: ["a"], a: 1 },
      subtask_type: "chord",
      immutable: false,
      later: { version: 9 },
    };
    expect(Signature.from(written).toJSON()).toEqual(written);
    expect(Signature.from(written).set({ queue: "q" }).toJSON()).toEqual({
      ...written,
      options: { ...written.options, queue: "q" },
    });
  });

  test("goes with a message, to be sent after its task", async () => {
    await using broker = new MemoryBroker();
    await using sending = createTasks({ broker, results: "memory:" });
    await sending.sendTask("add", [1, 2], { link: [add.s(1), add.s(2)], linkError: log.si("x") });
    const [delivery] = await broker.take({ queues: ["celery"], limit: 1, leaseMs: 1_000 });
    expect(delivery && decodeMessage(delivery.message).embed).toMatchObject({
      callbacks: [add.s(1).toJSON(), add.s(2).toJSON()],
      errbacks: [log.si("x").toJSON()],
    });
  });

  test("of Celery's workflows is read and written without a loss", () => {
    const all = signaturesIn(readVectors());
    expect(all.length).toBeGreaterThan(5);
    for (const written of all) expect(Signature.from(written).toJSON()).toEqual(written);
  });

  test.each([
    [null, "an object, got null"],
    [["add"], "an object, got a list of 1"],
    [{ task: "" }, "named after a task, got string"],
    [{ task: "add", args: "1" }, "one with a list of arguments, got string"],
    [{ task: "add", kwargs: [1] }, "one with keyword arguments, got a list of 1"],
    [{ task: "add", options: 1 }, "one with options, got number"],
  ])("is refused with what was expected: %j", (value, message) => {
    expect(() => Signature.from(value)).toThrow(
      expect.objectContaining({
        code: "MESSAGE_INVALID",
        message: expect.stringContaining(message),
      }),
    );
  });
});

/** Whatever has the keys of a signature, at any depth. */
function signaturesIn(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value.flatMap(signaturesIn);
  if (!isRecord(value)) return [];
  const inside = Object.values(value).flatMap(signaturesIn);
  return "subtask_type" in value ? [value, ...inside] : inside;
}

function readVectors(): unknown {
  const file = new URL("../../test/celery/vectors.json", import.meta.url);
  const vectors: unknown = JSON.parse(readFileSync(file, "utf8"));
  if (!Array.isArray(vectors)) return [];
  return vectors.map((vector: unknown) => {
    const envelope = isRecord(vector) ? vector["envelope"] : undefined;
    if (typeof envelope !== "string") return [];
    const parsed: unknown = JSON.parse(envelope);
    const body = isRecord(parsed) ? Buffer.from(String(parsed["body"]), "base64").toString() : "";
    // One of them is compressed, and has no workflow.
    return body.startsWith("[") ? JSON.parse(body) : [];
  });
}

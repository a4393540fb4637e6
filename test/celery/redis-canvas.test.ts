import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";

import { openRedis, type Redis } from "../../src/redis/index.ts";
import { createTasks, currentTask, Signature, type Tasks } from "../../src/tasks/index.ts";
import { eventually } from "../redis/eventually.ts";
import { RedisServer } from "../redis/redis-server.ts";
import { CeleryCaller, CeleryWorker } from "./celery-process.ts";

const resources = new AsyncDisposableStack();
let server: RedisServer;
let redis: Redis;
let tasks: Tasks;
let caller: CeleryCaller;
const seen: (readonly unknown[])[] = [];
/** The ids of those that had nowhere to call back. */
const blocked: string[] = [];
/** What ends those that make progress. */
const releases = new Map<string, () => void>();

beforeAll(async () => {
  server = resources.use(await RedisServer.start());
  redis = resources.adopt(openRedis(server.url), (opened) => opened.close());
  caller = resources.use(CeleryCaller.start(server.url));
  resources.use(await CeleryWorker.start(server.url, { queue: "python" }));
  tasks = resources.use(createTasks({ broker: server.url, results: server.url }));
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0);
  tasks.task("ts.add", (...numbers: readonly number[]) => sum(numbers));
  tasks.task("ts.sum", sum);
  tasks.task("ts.list", (...values: readonly unknown[]) => values);
  tasks.task("ts.see", (...values: readonly unknown[]) => void seen.push(values));
  tasks.task("ts.fail", (text: string) => {
    throw new RangeError(text);
  });
  tasks.task("ts.blocked", () => {
    blocked.push(currentTask().id);
    return "done";
  });
  tasks.task("ts.progress", async () => {
    await currentTask().updateState("PROGRESS", { done: 1 });
    await new Promise<void>((resolve) => releases.set(currentTask().id, resolve));
    return "released";
  });
  await tasks.createWorker().start();
});

afterAll(() => resources.disposeAsync());

const ts = (...args: readonly unknown[]): object => ({ task: "ts.add", args });
const py = (...args: readonly unknown[]): object => ({ task: "py.add", args });

async function chordKeys(): Promise<unknown> {
  return await redis.command(["KEYS", "celery-taskset-meta-*"]);
}

describe("a workflow of Python", () => {
  test("goes through a chain of both languages", async () => {
    const id = await caller.canvas(["chain", py(1, 1), ts(10), py(100), ts(1_000)]);
    expect(await caller.get(id)).toBe(1_112);
    expect(await tasks.result(id).record()).toMatchObject({ name: "ts.add", result: 1_112 });
  });

  test("has members of both languages in a group", async () => {
    const id = await caller.savedGroup(["group", py(1, 1), ts(2, 2), ["chain", ts(3), py(3)]]);
    expect(await caller.group(id)).toEqual([2, 4, 6]);
    const group = await tasks.groupResult(id);
    expect(await group?.get({ timeoutMs: 30_000 })).toEqual([2, 4, 6]);
    expect(await group?.completedCount()).toBe(3);
  });

  test("has a task of ours run for every item of a list, in chunks", async () => {
    const items = [
      [1, 2],
      [3, 4],
      [5, 6],
    ];
    const id = await caller.savedGroup(["chunks", "ts.add", items, 2]);
    expect(await caller.group(id)).toEqual([[3, 7], [11]]);
  });

  test.each([
    ["ours", { task: "ts.list" }],
    ["Python's", { task: "py.list" }],
  ])("has a chord with members of both languages, and a body of %s", async (_, body) => {
    const header = [ts(0), py(1), ts(2), py(3), ["chain", py(2), ts(2)], ["chain", ts(3), py(2)]];
    const id = await caller.canvas(["chord", header, body]);
    expect(await caller.get(id)).toEqual([[0, 1, 2, 3, 4, 5]]);
    // "MULTI; DEL .j .t .s; EXEC"
    await eventually(async () => {
      const keys = await chordKeys();
      return Array.isArray(keys) && keys.every((key) => !/\.[jst]$/.test(String(key)));
    });
  });

  test("has a chord in the middle of a chain, whoever starts it", async () => {
    for (const first of [ts(1), py(1)]) {
      const group = ["group", ts(1), py(2), ts(3)];
      const id = await caller.canvas(["chain", first, group, { task: "ts.sum" }, py(100), ts(7)]);
      expect(await caller.get(id)).toBe(116);
    }
  });

  test("has a chord whose body is a chain, and one whose body is a group", async () => {
    const body = ["chain", { task: "ts.sum" }, py(10), ts(100)];
    expect(await caller.get(await caller.canvas(["chord", [ts(1), py(2)], body]))).toBe(113);
    const group = ["group", { task: "ts.sum" }, { task: "py.sum" }];
    const ids = await caller.canvasIds(["chord", [py(1), ts(2)], group]);
    expect(await Promise.all(ids.map((id) => caller.get(id)))).toEqual([3, 3]);
  });

  test("has a chord that ends in a chord", async () => {
    const inner = ["chord", [ts(10), py(20)], { task: "ts.sum" }];
    const id = await caller.canvas(["chord", [inner, py(3), ts(4)], { task: "py.list" }]);
    expect(await caller.get(id)).toEqual([[30, 3, 4]]);
  });

  test("calls back in the other language", async () => {
    const [fromTs, fromPy] = [randomUUID(), randomUUID()];
    const callbacks = [
      { ...ts(1), options: { task_id: fromTs } },
      { ...py(2), options: { task_id: fromPy } },
    ];
    await caller.canvas({ ...ts(40), link: callbacks });
    expect(await caller.get(fromTs)).toBe(41);
    expect(await caller.get(fromPy)).toBe(42);
  });

  test("hears of an error in the other language", async () => {
    const [heardByPy, heardByTs] = [randomUUID(), randomUUID()];
    const fromTs = await caller.canvas({
      task: "ts.fail",
      args: ["x"],
      link_error: [{ task: "py.list", options: { task_id: heardByPy } }],
    });
    expect(await caller.get(heardByPy)).toEqual([fromTs]);
    const fromPy = await caller.canvas({
      task: "py.fail",
      args: ["x"],
      link_error: [{ task: "ts.list", options: { task_id: heardByTs } }],
    });
    expect(await caller.get(heardByTs)).toEqual([fromPy]);
  });

  test("fails to its end when a step of ours fails, and nobody waits for what comes after", async () => {
    const id = await caller.canvas(["chain", py(1), { task: "ts.fail" }, py(2), ts(3)]);
    await expect(caller.get(id)).rejects.toThrow("ValueError: 1");
  });

  test.each(["ts.fail", "py.fail"])("has a chord that fails with its member %s", async (task) => {
    const bad = randomUUID();
    const header = [ts(1), { task, args: ["é"], options: { task_id: bad } }, py(2)];
    const body = { task: "ts.list", link_error: [{ task: "ts.see" }] };
    const id = await caller.canvas(["chord", header, body]);
    // Python looks at the header first.
    await expect(caller.get(id)).rejects.toThrow("ValueError: é");
    const message = expect.stringContaining(`Dependency ${bad} raised`);
    await expect(tasks.result(id).get({ timeoutMs: 30_000 })).rejects.toMatchObject({
      cause: { type: "ChordError", message },
    });
    await eventually(() => seen.some(([failed]) => failed === id));
  });

  test("knows the children and parents of what we ran", async () => {
    const last = await caller.canvas(["chain", ts(1), py(2)]);
    await caller.get(last);
    const { parentId } = await tasks.result(last).record();
    expect(await caller.tree(parentId ?? "")).toEqual({
      state: "SUCCESS",
      info: 1,
      children: [last],
    });
  });
});

describe("a workflow of ours", () => {
  test("goes on in Python, and comes back", async () => {
    const python = (name: string, ...args: readonly unknown[]): Signature =>
      tasks.signature(name, args, { options: { queue: "python" } });
    const [bodyId, callbackId] = [randomUUID(), randomUUID()];
    const header = [python("py.add", 1), tasks.signature("ts.add", [2])];
    const chord = new Signature({
      task: "celery.chord",
      kind: "chord",
      kwargs: {
        kwargs: {},
        header: header.map((one) => one.toJSON()),
        body: python("py.list").set({ taskId: bodyId }).toJSON(),
      },
    });
    const link = [chord, python("py.add", 5).set({ taskId: callbackId })];
    await tasks.sendTask("ts.add", [10], { link });
    expect(await tasks.result(callbackId).get({ timeoutMs: 30_000 })).toBe(15);
    expect(await tasks.result(bodyId).get({ timeoutMs: 30_000 })).toEqual([[11, 12]]);
  });
});

test("a task whose callback cannot be sent has not ended until it can", async () => {
  const queue = `blocked-${randomUUID()}`;
  await redis.command(["SET", queue, "no list"]);
  const link = tasks.signature("py.list", []).set({ queue });
  const sent = await tasks.sendTask("ts.blocked", [], { link });
  await eventually(() => blocked.includes(sent.id));
  await eventually(async () => Number(await redis.command(["HLEN", "unacked"])) > 0);
  expect((await sent.record()).finishedAt).toBeNull();
  await redis.command(["DEL", queue]);
  expect(await sent.get({ timeoutMs: 30_000 })).toBe("done");
  expect(await redis.command(["LLEN", queue])).toBe(1);
  expect(blocked.filter((id) => id === sent.id)).toHaveLength(1);
});

test("states of their own are the same in both languages", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tidings-canvas-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "release");
  const ours = await caller.send("ts.progress");
  await eventually(async () => (await tasks.result(ours).state()) === "PROGRESS");
  expect(await caller.tree(ours)).toMatchObject({ state: "PROGRESS", info: { done: 1 } });
  const theirs = await tasks.sendTask("py.progress", [path], { queue: "python" });
  await eventually(async () => (await theirs.state()) === "PROGRESS");
  expect(await theirs.record()).toMatchObject({ custom: { meta: { done: 1 } } });
  writeFileSync(path, "");
  await eventually(() => releases.has(ours));
  releases.get(ours)?.();
  expect(await theirs.get({ timeoutMs: 30_000 })).toBeNull();
  expect(await caller.get(ours)).toBe("released");
});

test("the part of a chord is written as Python writes it", async () => {
  const group = randomUUID();
  await redis.command(["SET", `celery-taskset-meta-${group}.s`, "9"]);
  const part = async (id: string, name: string, ...args: readonly unknown[]): Promise<void> => {
    await caller.send(name, args, {
      task_id: id,
      queue: name.startsWith("py.") ? "python" : "celery",
      group_id: group,
      chord: {
        task: "py.list",
        args: [],
        kwargs: {},
        options: {},
        subtask_type: null,
        immutable: false,
      },
    });
  };
  const value = { é: [1, 0.5, null, "a, b: c"], f: 1e-7 };
  await part(`same ${group}`, "py.list", value);
  await part(`same-ts ${group}`, "ts.list", value);
  const parts = `celery-taskset-meta-${group}.j`;
  await eventually(async () => Number(await redis.command(["ZCARD", parts])) === 2);
  const members = await redis.command(["ZRANGE", parts, "0", "-1"]);
  const texts = Array.isArray(members) ? members.map((text) => String(text)) : [];
  expect(texts).toHaveLength(2);
  expect(new Set(texts.map((text) => text.replace("same-ts", "same"))).size).toBe(1);
});

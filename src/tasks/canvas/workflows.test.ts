import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, test } from "vitest";

import { currentTask } from "../current-task.ts";
import { Signature } from "../signature.ts";
import { createTasks, type Tasks } from "../tasks.ts";

const folder = mkdtempSync(join(tmpdir(), "tidings-workflows-"));
let files = 0;

afterAll(() => rm(folder, { recursive: true }));

const chain = (...tasks: readonly Signature[]): Signature =>
  new Signature({ task: "celery.chain", kwargs: { tasks: asJson(tasks) }, kind: "chain" });
const group = (...tasks: readonly Signature[]): Signature =>
  new Signature({ task: "celery.group", kwargs: { tasks: asJson(tasks) }, kind: "group" });
const chord = (header: readonly Signature[], body: Signature): Signature => {
  const kwargs = { kwargs: {}, header: asJson(header), body: body.toJSON() };
  return new Signature({ task: "celery.chord", kwargs, kind: "chord" });
};

function asJson(tasks: readonly Signature[]): readonly unknown[] {
  return tasks.map((task) => task.toJSON());
}

interface Scene extends AsyncDisposable {
  readonly tasks: Tasks;
  readonly sig: (name: string, ...args: readonly unknown[]) => Signature;
  readonly seen: unknown[];
}

async function makeScene(url: string): Promise<Scene> {
  const tasks = createTasks({ broker: url, results: url });
  const seen: unknown[] = [];
  tasks.task("add", (...numbers: readonly number[]) => numbers.reduce((sum, n) => sum + n, 0));
  tasks.task("sum", (numbers: readonly number[]) => numbers.reduce((sum, n) => sum + n, 0));
  tasks.task("list", (...values: readonly unknown[]) => values);
  tasks.task("see", (...values: readonly unknown[]) => void seen.push(values));
  tasks.task("where", () => [currentTask().rootId, currentTask().parentId]);
  tasks.task("fail", (text: string) => {
    throw new RangeError(text);
  });
  const worker = tasks.createWorker();
  await worker.start();
  return {
    tasks,
    seen,
    sig: (name, ...args) => tasks.signature(name, args),
    async [Symbol.asyncDispose]() {
      await worker.stop();
      await tasks.close();
    },
  };
}

const places = {
  "memory:": () => "memory:",
  "sqlite:": () => `sqlite:${join(folder, `${files++}.db`)}`,
};

const wait = { timeoutMs: 20_000 };

describe.each(["memory:", "sqlite:"] as const)("after a task, on %s", (place) => {
  test("each callback gets its result, and the record names what was sent", async () => {
    await using scene = await makeScene(places[place]());
    const { tasks, sig } = scene;
    const link = [
      sig("add", 1).set({ taskId: "one" }),
      new Signature({ task: "add", args: [5], immutable: true, options: { task_id: "two" } }),
    ];
    const sent = await tasks.sendTask("add", [2, 3], { link });
    expect(await sent.get(wait)).toBe(5);
    expect(await tasks.result("one").get(wait)).toBe(6);
    expect(await tasks.result("two").get(wait)).toBe(5);
    expect((await sent.record()).children).toEqual([{ id: "one" }, { id: "two" }]);
    expect(await tasks.result("one").record()).toMatchObject({ parentId: sent.id });
  });

  test("an error callback gets its id, and a callback is not sent", async () => {
    await using scene = await makeScene(places[place]());
    const { tasks, sig, seen } = scene;
    const linkError = sig("see", "failed").set({ taskId: "error" });
    const sent = await tasks.sendTask("fail", ["x"], { link: sig("see"), linkError });
    await expect(sent.get(wait)).rejects.toMatchObject({ code: "TASK_FAILED" });
    await tasks.result("error").get(wait);
    expect(seen).toEqual([[sent.id, "failed"]]);
  });

  test("a chain goes on step by step, each with the id that it was given", async () => {
    await using scene = await makeScene(places[place]());
    const { tasks, sig } = scene;
    const steps = chain(
      sig("add", 1).set({ taskId: "first" }),
      chain(sig("add", 10), sig("add", 100)),
      sig("where").set({ taskId: "last" }),
    );
    const sent = await tasks.sendTask("add", [1], { link: steps });
    // "root_id: first task of the workflow"
    const [root] = (await tasks.result("last").get(wait)) as readonly unknown[];
    expect(root).toBe(sent.id);
    const first = await tasks.result("first").record();
    expect(first).toMatchObject({ result: 2, parentId: sent.id });
    const [second] = first.children;
    expect(await tasks.result(second?.id ?? "").get(wait)).toBe(12);
  });

  test("a group in a chain becomes the header of a chord", async () => {
    await using scene = await makeScene(places[place]());
    const { tasks, sig } = scene;
    const steps = chain(
      group(sig("add", 1), sig("add", 2), group(sig("add", 3))),
      sig("sum"),
      sig("add", 1_000).set({ taskId: "last" }),
    );
    await tasks.sendTask("add", [10], { link: steps });
    expect(await tasks.result("last").get(wait)).toBe(1_036);
  });

  test("results of a chord come in the order of its header, those of groups as lists", async () => {
    await using scene = await makeScene(places[place]());
    const { tasks, sig } = scene;
    const header = [
      chain(sig("add", 1), group(sig("add", 10), sig("add", 20))),
      sig("add", 2),
      chord([sig("add", 3), sig("add", 4)], sig("sum")),
    ];
    const link = chord(header, sig("list").set({ taskId: "body" }));
    await tasks.sendTask("add", [0], { link });
    expect(await tasks.result("body").get(wait)).toEqual([[[11, 21], 2, 7]]);
  });

  test("a chord inside the header of a chord counts as one", async () => {
    await using scene = await makeScene(places[place]());
    const { tasks, sig } = scene;
    const inner = chord([sig("add", 1)], chain(sig("sum"), sig("add", 5)));
    const link = chord([inner, inner], chain(sig("sum"), sig("add", 100).set({ taskId: "end" })));
    await tasks.sendTask("add", [0], { link });
    expect(await tasks.result("end").get(wait)).toBe(112);
  });

  test("a chord of nothing is its body", async () => {
    await using scene = await makeScene(places[place]());
    const { tasks, sig } = scene;
    const link = chord([], sig("list").set({ taskId: "body" }));
    await tasks.sendTask("add", [0], { link });
    expect(await tasks.result("body").get(wait)).toEqual([[]]);
  });

  test("a chord with a member that fails is a failure of its body, and of what comes after it", async () => {
    await using scene = await makeScene(places[place]());
    const { tasks, sig, seen } = scene;
    const errback = sig("see", "chord").set({ taskId: "error" });
    const body = sig("sum").set({ taskId: "body", linkError: errback });
    const link = chain(
      group(sig("add"), sig("fail").set({ taskId: "bad" })),
      body,
      sig("add", 1).set({ taskId: "last" }),
    );
    await tasks.sendTask("add", [0], { link });
    const message = "Dependency bad raised RangeError('0')";
    await expect(tasks.result("body").get(wait)).rejects.toMatchObject({
      cause: { type: "ChordError", message },
    });
    await tasks.result("error").get(wait);
    expect(seen).toEqual([["body", "chord"]]);
    await expect(tasks.result("last").get(wait)).rejects.toMatchObject({ cause: { message } });
  });

  test("the steps after one that fails are failures for the same reason, and so is their chord", async () => {
    await using scene = await makeScene(places[place]());
    const { tasks, sig } = scene;
    const broken = chain(
      sig("fail").set({ taskId: "bad" }),
      sig("add", 1).set({ taskId: "never" }),
    );
    const link = chord([sig("add"), broken], sig("sum").set({ taskId: "body" }));
    await tasks.sendTask("add", [7], { link });
    await expect(tasks.result("never").get(wait)).rejects.toMatchObject({
      cause: { type: "RangeError", message: "7" },
    });
    await expect(tasks.result("body").get(wait)).rejects.toMatchObject({
      cause: { type: "ChordError", message: "Dependency never raised RangeError('7')" },
    });
  });

  test("what cannot be sent is a failure of the task before it", async () => {
    await using scene = await makeScene(places[place]());
    const { tasks } = scene;
    const link = new Signature({ task: "x", kind: "ring" });
    const sent = await tasks.sendTask("add", [1], { link });
    await expect(sent.get(wait)).rejects.toMatchObject({ cause: { type: "MESSAGE_INVALID" } });
  });

  test("what no exchange takes is a failure of its own, and its error callback is called", async () => {
    await using scene = await makeScene(places[place]());
    const { tasks, sig, seen } = scene;
    const linkError = sig("see", "lost").set({ taskId: "error" });
    const lost = sig("add", 1).set({ taskId: "lost", exchange: "nowhere", linkError });
    const sent = await tasks.sendTask("add", [1], { link: chain(lost, sig("add")) });
    expect(await sent.get(wait)).toBe(1);
    await expect(tasks.result("lost").get(wait)).rejects.toMatchObject({
      cause: { type: "OPTION_INVALID" },
    });
    await tasks.result("error").get(wait);
    expect(seen).toEqual([["lost", "lost"]]);
    expect(await sent.record()).toMatchObject({ runs: 1 });
  });

  test("a task that is revoked calls nobody back", async () => {
    await using scene = await makeScene(places[place]());
    const { tasks, sig, seen } = scene;
    const callbacks = { link: sig("see", "done"), linkError: sig("see", "failed") };
    const sent = await tasks.sendTask("add", [1], { countdownMs: 60_000, ...callbacks });
    await sent.cancel();
    await expect
      .poll(() => tasks.queues.count("celery"))
      .toEqual({ waiting: 0, delayed: 0, taken: 0 });
    await (await tasks.sendTask("see", ["after"])).get(wait);
    expect(seen).toEqual([["after"]]);
  });
});

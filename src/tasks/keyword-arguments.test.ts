import { describe, expect, test } from "vitest";

import { toBindArguments } from "./keyword-arguments.ts";
import { createTasks, type Tasks } from "./tasks.ts";

/** Runs a task in a worker as Python would call it. */
async function run(
  define: (tasks: Tasks) => unknown,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  await using tasks = createTasks({ broker: "memory:", results: "memory:" });
  define(tasks);
  await using worker = tasks.createWorker();
  await worker.start();
  return await (await tasks.sendTask("subtract", args, { kwargs })).get({ timeoutMs: 20_000 });
}

const named = (tasks: Tasks): unknown =>
  tasks.task(
    "subtract",
    { parameters: ["x", "y", "z"] },
    (x: number, y: number, z?: number) => x - y - (z ?? 0),
  );

describe("arguments by name", () => {
  test("come to the parameters of their names", async () => {
    expect(await run(named, [], { y: 1, x: 10 })).toBe(9);
    expect(await run(named, [10], { y: 2 })).toBe(8);
    expect(await run(named, [10, 3], {})).toBe(7);
  });

  test("leave out what is not given", () => {
    expect(toBindArguments("t", { parameters: ["x", "y", "z"] })([], { z: 1 })).toEqual([
      undefined,
      undefined,
      1,
    ]);
  });

  test.each([
    ["that no parameter has", { w: 1 }, 'takes no argument "w" by name: it has x, y, z'],
    ["that came by position", { x: 1 }, "it came by its position, too"],
  ])("are refused %s", async (_name, kwargs, message) => {
    const error = await run(named, [1], kwargs).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ cause: { type: "TASK_INVALID_ARGUMENTS" } });
    expect(String(error)).toContain(message);
  });

  test("are one object for a task that wants it so", async () => {
    const plain = (tasks: Tasks): unknown =>
      tasks.task("subtract", { parameters: "object" }, (x: number, { y }: { y: number }) => x - y);
    expect(await run(plain, [5], { y: 2 })).toBe(3);
  });

  test("are refused by a task that has neither names nor a schema for them", async () => {
    const plain = (tasks: Tasks): unknown =>
      tasks.task("subtract", (x: number, y: number) => x - y);
    const error = await run(plain, [], { x: 5, y: 2 }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ cause: { type: "TASK_INVALID_ARGUMENTS" } });
    expect(String(error)).toContain("x, y came by name: define it with `parameters`");
  });

  test.each([
    ["names that are the same", { parameters: ["x", "x"] }],
    ["what is no list", JSON.parse('{"parameters":"x"}')],
    ["names beside a schema", JSON.parse('{"parameters":["x"],"input":{"~standard":{}}}')],
  ])("refuse %s", async (_name, options) => {
    await using tasks = createTasks({ broker: "memory:", results: "memory:" });
    expect(() => tasks.task("any", options, () => null)).toThrow(
      expect.objectContaining({ code: "OPTION_INVALID" }),
    );
  });
});

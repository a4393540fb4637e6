import { describe, expect, test } from "vitest";

import { MemoryBroker } from "./brokers/memory.ts";
import { createRouter, type Route, type RouteFunction } from "./routes.ts";
import { NO_OPTIONS } from "./task.ts";
import { createTasks } from "./tasks.ts";

function find(task: string, ...routes: readonly (Route | RouteFunction)[]): unknown {
  return createRouter(routes)({ task, args: [1], kwargs: {}, options: NO_OPTIONS });
}

describe("routes", () => {
  test.each<readonly [task: string, route: Route["task"], fits: boolean]>([
    ["mail.send", "mail.send", true],
    ["mail.send", "mail.sen", false],
    ["mail.send", "mail.*", true],
    ["mail.send.all", "mail.*", true],
    ["mailXsend", "mail.*", false],
    ["e-mail.send", "mail.*", false],
    ["mail.send", "*.send", true],
    ["mail.send", /send$/, true],
    ["mail.send", /^send/, false],
    ["mail.send", /mail/g, true],
    ["m[a]il", "m[a]*", true],
    ["mail", "m[a]*", false],
  ])("fit %s by %s: %s", (task, route, fits) => {
    const found = createRouter([{ task: route, queue: "found" }]);
    const call = { task, args: [], kwargs: {}, options: NO_OPTIONS };
    // Twice: a pattern must not remember where it was.
    for (const _ of [1, 2]) expect(found(call)).toEqual(fits ? { queue: "found" } : NO_OPTIONS);
  });

  test("are asked in their order, and the first that fits decides", () => {
    const routes: readonly (Route | RouteFunction)[] = [
      ({ args }) => (args[0] === 2 ? { queue: "second" } : undefined),
      { task: "mail.*", queue: "mail", priority: "low" },
      { task: "*", queue: "rest" },
    ];
    expect(find("mail.send", ...routes)).toEqual({ queue: "mail", priority: "low" });
    expect(find("other", ...routes)).toEqual({ queue: "rest" });
    const second = { task: "mail.send", args: [2], kwargs: {}, options: NO_OPTIONS };
    expect(createRouter(routes)(second)).toEqual({ queue: "second" });
  });

  test.each<readonly [name: string, route: Route, message: string]>([
    ["without a task", { task: "", queue: "mail" }, "`task`"],
    ["to nowhere", { task: "mail", queue: "" }, "`queue`"],
    ["with an unknown priority", { task: "mail", priority: -1 }, "`priority`"],
  ])("are refused %s", (_name, route, message) => {
    expect(() => createRouter([route])).toThrow(message);
  });

  test("say what the call and its task do not", async () => {
    const broker = new MemoryBroker();
    await using tasks = createTasks({
      broker,
      results: "memory:",
      routes: [{ task: "*", queue: "routed", priority: 9, timeLimitMs: 5_000 }],
    });
    const plain = tasks.task("plain", () => null);
    const own = tasks.task("own", { queue: "own" }, () => null);
    await plain.delay();
    await own.delay();
    await own.applyAsync([], { queue: "called", priority: 6 });
    await tasks.sendTask("elsewhere");
    const queues = ["routed", "own", "called", "celery"];
    const deliveries = await broker.take({ queues, limit: 9, leaseMs: 1_000 });
    const sent = deliveries.map(({ queue, message }) => [queue, message.properties.priority]);
    expect(sent).toEqual([
      ["called", 6],
      ["routed", 9],
      ["routed", 9],
      ["own", 9],
    ]);
    expect(deliveries[0]?.message.headers).toMatchObject({ timelimit: [5, null] });
    expect(tasks.createWorker().queues).toEqual(["celery", "own"]);
  });

  test("that return nonsense are told at the call", async () => {
    const routes = [() => ({ queue: "" })];
    await using tasks = createTasks({ broker: "memory:", results: "memory:", routes });
    await expect(tasks.sendTask("any")).rejects.toMatchObject({ code: "OPTION_INVALID" });
  });
});

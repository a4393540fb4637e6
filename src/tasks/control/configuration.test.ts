import { describe, expect, test } from "vitest";

import { createTasks } from "../tasks.ts";
import { toBrokerInfo } from "./configuration.ts";

describe("a worker that is asked how it was set up", () => {
  test("answers with Celery's names, and no secret", async () => {
    const secret = "redis://user:secret@127.0.0.1:1/2";
    await using tasks = createTasks({ broker: "memory:", results: secret, defaultQueue: "jobs" });
    await using worker = tasks.createWorker({ name: "one@here", concurrency: 3 });
    await worker.start();
    const conf = await tasks.control.ask("conf");
    expect(conf.get("one@here")).toMatchObject({
      broker_url: "memory:",
      result_backend: "redis://127.0.0.1:1/2",
      task_default_queue: "jobs",
      worker_concurrency: 3,
    });
    const report = JSON.stringify((await tasks.control.ask("report")).get("one@here"));
    expect(report).toContain(`node:${process.versions.node}`);
    expect(report).toContain("results:redis://127.0.0.1:1/2");
    const stats = await tasks.control.ask("stats");
    expect(stats.get("one@here")).toMatchObject({ broker: { transport: "memory" } });
    expect(report + JSON.stringify([...conf.values()])).not.toContain("secret");
  });

  test("answers where its broker is, when that was made elsewhere, too", async () => {
    await using other = createTasks({ broker: "memory:", results: "memory:" });
    const { broker } = other.runtime;
    await using tasks = createTasks({ broker, results: "memory:" });
    await using worker = tasks.createWorker({ name: "one@here" });
    await worker.start();
    const conf = await tasks.control.ask("conf");
    expect(conf.get("one@here")).toMatchObject({ broker_url: "MemoryBroker" });
  });
});

test.each([
  [
    "redis://h/2",
    { transport: "redis", hostname: "h", port: 6_379, virtual_host: "2", ssl: false },
  ],
  ["amqps://h:1/shop", { transport: "amqp", port: 1, virtual_host: "shop", ssl: true }],
  ["redis+sentinel://a:1,b:2/0?master=m", { transport: "redis+sentinel", hostname: "a", port: 1 }],
  ["amqp://a;amqp://b", { hostname: "a", port: 5_672, alternates: ["amqp://b"] }],
  ["rediss://[::1]:7/", { hostname: "[::1]", port: 7, virtual_host: null }],
  ["sqlite:./data/tasks.db", { transport: "sqlite", hostname: null, port: null }],
])("of %s Celery's words are known", (url, expected) => {
  expect(toBrokerInfo(url)).toMatchObject(expected);
});

import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { afterAll, describe, expect, test } from "vitest";

import type { Broker } from "../brokers/broker.ts";
import { openBroker } from "../brokers/open-broker.ts";
import type { EncodedMessage } from "../message/message.ts";
import { Reject } from "../reject.ts";
import { openResults } from "../results/open-results.ts";
import type { ResultStore } from "../results/result-store.ts";
import { pendingRecord } from "../results/task-record.ts";
import { createTasks, type Tasks } from "../tasks.ts";
import type { DeadLetter } from "./dead-letter.ts";

const folder = mkdtempSync(join(tmpdir(), "tidings-dead-letters-"));
let files = 0;

afterAll(() => rm(folder, { recursive: true }));

interface Made extends AsyncDisposable {
  readonly broker: Broker;
  readonly results: ResultStore;
  readonly tasks: Tasks;
  /** Other tasks of the same broker and results. */
  readonly others: Tasks;
}

/** Tasks whose broker is at hand. */
function make(url: string, resultsUrl = url): Made {
  const broker = openBroker(url);
  const results = openResults(resultsUrl, { expiresMs: 60_000 });
  return {
    broker,
    results,
    tasks: createTasks({ broker, results }),
    others: createTasks({ broker, results }),
    async [Symbol.asyncDispose]() {
      await results.close();
      await broker.close();
    },
  };
}

const newFile = (): string => `sqlite:${folder}/${files++}.db`;
const places = {
  memory: () => make("memory:"),
  sqlite: () => make(newFile()),
  "sqlite with records elsewhere": () => make(newFile(), newFile()),
};

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Messages that no worker can read, by what is wrong with them. */
const BROKEN: Readonly<Record<string, readonly [Partial<EncodedMessage>, string]>> = {
  "a body that is no JSON": [{ body: bytes('[[1, 2], {"a"') }, "MESSAGE_NOT_JSON"],
  "a body that is no list of three": [{ body: bytes("[[], {}]") }, "MESSAGE_INVALID"],
  "no headers": [{ headers: null }, "MESSAGE_INVALID"],
  "no id": [{ headers: { task: "tasks.add" } }, "MESSAGE_INVALID"],
  "a content type that is not read": [{ contentType: "text/x-what" }, "MESSAGE_NOT_ACCEPTED"],
  "an unknown compression": [
    { headers: { task: "tasks.add", id: "one", compression: "application/x-what" } },
    "MESSAGE_NOT_ACCEPTED",
  ],
  "a body that grows beyond its bound": [
    {
      headers: { task: "tasks.add", id: "one", compression: "application/x-gzip" },
      body: new Uint8Array(gzipSync(Buffer.alloc(17_000_000, " "))),
    },
    "MESSAGE_TOO_LARGE",
  ],
};

describe.each(["memory", "sqlite", "sqlite with records elsewhere"] as const)(
  "dead letters on %s",
  (place) => {
    test.each(Object.entries(BROKEN))("keep a message with %s", async (_, [part, code]) => {
      await using made = places[place]();
      const message = brokenMessage(part);
      await made.broker.publish("mail", message);
      await using worker = made.tasks.createWorker({ queues: ["mail"] });
      await worker.start();
      const error = await made.tasks.result("one").get({ timeoutMs: 20_000 }).catch(String);
      expect(error).toContain(code);
      const letter = await waitForLetter(made, "one");
      expect(letter).toMatchObject({ queue: "mail", reason: "unreadable", runs: 1, message });
      expect(letter?.error.type).toBe(code);
    });

    test("keep a call of a task that nobody knows, to be run by who does", async () => {
      await using made = places[place]();
      await using worker = made.tasks.createWorker();
      await worker.start();
      const result = await made.tasks.sendTask("tasks.later", [20, 22]);
      await expect(result.get({ timeoutMs: 20_000 })).rejects.toThrow("no task is named");
      await worker.stop();
      const [letter] = (await made.tasks.deadLetters.list()).letters;
      expect(letter).toMatchObject({ id: result.id, task: "tasks.later", reason: "unregistered" });

      made.others.task("tasks.later", (x: number, y: number) => x + y);
      await using knowing = made.others.createWorker();
      await knowing.start();
      expect(await made.tasks.deadLetters.redrive(result.id)).toBe(true);
      expect(await result.get({ timeoutMs: 20_000 })).toBe(42);
      expect(await made.tasks.deadLetters.count()).toBe(0);
      expect(await made.tasks.deadLetters.redrive(result.id)).toBe(false);
    });

    test("keep a message whose worker died again and again", async () => {
      await using made = places[place]();
      made.tasks.task("tasks.fatal", () => "survived");
      const result = await made.tasks.sendTask("tasks.fatal");
      for (let lost = 1; lost <= 2; lost++) {
        await made.broker.take({ queues: ["celery"], limit: 1, leaseMs: 1 });
        await expect.poll(() => made.broker.reclaim(), { interval: 2 }).toBe(1);
      }
      await using worker = made.tasks.createWorker({ maxDeliveries: 2 });
      await worker.start();
      await expect(result.get({ timeoutMs: 20_000 })).rejects.toThrow("died 2 times");
      expect(await waitForLetter(made, result.id)).toMatchObject({
        task: "tasks.fatal",
        reason: "poisoned",
        error: { type: "TASK_WORKER_LOST" },
        runs: 3,
        lostLeases: 2,
      });
      await made.tasks.deadLetters.redrive(result.id);
      expect(await result.get({ timeoutMs: 20_000 })).toBe("survived");
    });

    test("keep what a task rejects if it says so, and not what goes back into the queue", async () => {
      await using made = places[place]();
      const seen = new Set<string>();
      const run = (name: string): never => {
        const requeue = !seen.has(name);
        seen.add(name);
        throw new Reject({ requeue, reason: `not mine, back: ${requeue}` });
      };
      const plain = made.tasks.task("tasks.plain", run);
      const kept = made.tasks.task("tasks.kept", { deadLetter: true }, run);
      await using worker = made.tasks.createWorker({ concurrency: 1 });
      await worker.start();
      await plain.delay("plain");
      const { id } = await kept.delay("kept");
      expect(await waitForLetter(made, id)).toMatchObject({
        task: "tasks.kept",
        reason: "rejected",
        error: { type: "Reject", message: "not mine, back: false" },
        runs: 2,
      });
      expect(await made.tasks.deadLetters.count()).toBe(1);
    });

    test("keep what failed for good if its task says so, and forget how often it was tried", async () => {
      await using made = places[place]();
      let fails = true;
      const run = (): string => {
        if (fails) throw new RangeError("not today");
        return "done";
      };
      const options = { maxRetries: 1, retryDelayMs: 1 };
      const kept = made.tasks.task("tasks.kept", { ...options, deadLetter: true }, run);
      const plain = made.tasks.task("tasks.plain", options, run);
      await using worker = made.tasks.createWorker();
      await worker.start();
      const [one, two] = [await kept.delay(), await plain.delay()];
      await expect(one.get({ timeoutMs: 20_000 })).rejects.toThrow("not today");
      await expect(two.get({ timeoutMs: 20_000 })).rejects.toThrow("not today");
      await waitForLetter(made, one.id);
      const { letters } = await made.tasks.deadLetters.list();
      expect(letters.map(({ id, reason }) => [id, reason])).toEqual([[one.id, "failed"]]);
      expect(letters[0]?.error).toEqual({ type: "RangeError", message: "not today" });

      await made.tasks.deadLetters.redrive(one.id);
      await waitForLetter(made, one.id);
      // It was tried twice again.
      expect(await one.record()).toMatchObject({ state: "FAILURE", retries: 1, runs: 2 });
      fails = false;
      await made.tasks.deadLetters.redrive(one.id);
      expect(await one.get({ timeoutMs: 20_000 })).toBe("done");
    });
  },
);

describe("dead letters", () => {
  test("are listed, sent again and discarded by queue, task and reason", async () => {
    await using made = places.memory();
    for (let n = 0; n < 250; n++) {
      const headers = n % 2 === 0 ? { task: "a", id: `n${n}` } : null;
      const message = brokenMessage({ id: `n${n}`, headers });
      await made.broker.publish(n % 5 === 0 ? "mail" : "celery", message);
    }
    await using worker = made.tasks.createWorker({ queues: ["celery", "mail"] });
    await worker.start();
    const { deadLetters } = made.tasks;
    await expect.poll(() => deadLetters.count()).toBe(250);
    await worker.stop();

    const filter = { queue: "mail", task: "a", reason: "unregistered" } as const;
    const first = await deadLetters.list({ ...filter, limit: 20 });
    const second = await deadLetters.list({ ...filter, after: first.next ?? "" });
    expect([first.letters.length, second.letters.length, second.next]).toEqual([20, 5, null]);
    expect(new Set([...first.letters, ...second.letters].map(({ id }) => id)).size).toBe(25);
    expect((await deadLetters.list()).letters).toHaveLength(100);

    expect(await deadLetters.discardAll({ reason: "unreadable" })).toBe(125);
    expect(await deadLetters.redriveAll(filter)).toBe(25);
    expect(await made.broker.contents.count("mail")).toMatchObject({ waiting: 25 });
    expect([await deadLetters.count(), await deadLetters.discardAll()]).toEqual([100, 100]);
    await expect(deadLetters.list({ limit: 0 })).rejects.toMatchObject({ code: "OPTION_INVALID" });
  });

  test("that were sent again already, by who died before removing them, are sent once", async () => {
    await using made = places.sqlite();
    await made.broker.publish("celery", brokenMessage({}));
    await using worker = made.tasks.createWorker();
    await worker.start();
    const { deadLetters } = made.tasks;
    await expect.poll(() => deadLetters.count()).toBe(1);
    await worker.stop();
    await made.broker.publish("celery", brokenMessage({}));
    expect(await deadLetters.redrive("one")).toBe(true);
    expect(await made.broker.contents.count("celery")).toMatchObject({ waiting: 1 });
    expect(await deadLetters.count()).toBe(0);
  });

  test("are made of what failed before a worker died that had only recorded it", async () => {
    await using made = places["sqlite with records elsewhere"]();
    const result = await made.tasks.sendTask("tasks.later");
    await made.broker.take({ queues: ["celery"], limit: 1, leaseMs: 1 });
    const error = { type: "TASK_NOT_REGISTERED", message: "no task is named so" };
    const record = { ...pendingRecord(result.id), name: "tasks.later", runs: 1, error };
    await made.results.store({ ...record, state: "FAILURE", finishedAt: Date.now() });
    await using worker = made.tasks.createWorker({ leaseMs: 100 });
    await worker.start();
    expect(await waitForLetter(made, result.id)).toMatchObject({ reason: "unregistered", error });
  });

  test("are refused where a broker keeps none", async () => {
    await using broker = openBroker("memory:");
    const without = new Proxy(broker, {
      get: (target, name) =>
        name === "deadLetters" ? undefined : Reflect.get(target, name, target),
    });
    await using tasks = createTasks({ broker: without, results: "memory:" });
    await expect(tasks.deadLetters.list()).rejects.toMatchObject({ code: "OPTION_INVALID" });
  });
});

/** Where the record is in another place, the letter follows it. */
async function waitForLetter({ tasks }: Made, id: string): Promise<DeadLetter | null> {
  await expect.poll(() => tasks.deadLetters.get(id)).not.toBeNull();
  return tasks.deadLetters.get(id);
}

function brokenMessage(part: Partial<EncodedMessage>): EncodedMessage {
  return {
    id: "one",
    headers: { task: "tasks.add", id: "one" },
    body: bytes("[[], {}, {}]"),
    contentType: "application/json",
    contentEncoding: "utf-8",
    properties: { correlationId: "one" },
    ...part,
  };
}

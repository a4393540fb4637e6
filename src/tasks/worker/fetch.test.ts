import { describe, expect, test } from "vitest";

import { TidingsError } from "../../core/errors.ts";
import { silentLogger, type Logger } from "../../core/logger.ts";
import type { Delivery, TakeRequest } from "../brokers/broker.ts";
import { MemoryBroker } from "../brokers/memory.ts";
import { createTasks } from "../tasks.ts";

type Taken = readonly Delivery[];

/** A broker whose connection can go deaf: takes then end as `silence` does, until it reconnects. */
class DeafBroker extends MemoryBroker {
  trouble: Error | undefined;
  reconnects = 0;
  checks = 0;
  givenBack = 0;
  silence: ((request: TakeRequest) => Promise<Taken>) | undefined;

  override async take(request: TakeRequest): Promise<Taken> {
    return await (this.silence?.(request) ?? super.take(request));
  }

  async takeLate(request: TakeRequest): Promise<Taken> {
    return await super.take(request);
  }

  /** Every check of a worker asks for it. */
  override async reclaim(): Promise<number> {
    this.checks++;
    return await super.reclaim();
  }

  override async putBack(
    ...given: Parameters<MemoryBroker["putBack"]>
  ): ReturnType<MemoryBroker["putBack"]> {
    this.givenBack++;
    return await super.putBack(...given);
  }

  async reconnect(): Promise<void> {
    this.reconnects++;
    this.silence = undefined;
  }
}

function keepLogs(): { readonly logger: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  const keep = (_fields: object, text?: string): void => void lines.push(text ?? "");
  return { logger: { ...silentLogger, info: keep, warn: keep, error: keep }, lines };
}

const DEAF = "the fetch has gone deaf; it starts again";

describe("a fetch", () => {
  test("starts again when a take does not come back, and gives back what it finds too late", async () => {
    const broker = new DeafBroker();
    const { logger, lines } = keepLogs();
    await using tasks = createTasks({ broker, results: "memory:", logger });
    const ran: number[] = [];
    const note = tasks.task("t.note", (n: number) => void ran.push(n));
    const release = Promise.withResolvers<void>();
    let isLate = false;
    broker.silence = async (request) => {
      await release.promise;
      const taken = await broker.takeLate(request);
      isLate = taken.length > 0;
      return taken;
    };
    await using worker = tasks.createWorker({ deafAfterMs: 50, leaseMs: 60 });
    await worker.start();
    expect(worker.health().silentMs).toBeGreaterThan(0);
    await (await note.delay(1)).get({ timeoutMs: 20_000 });
    expect(worker.health()).toMatchObject({ restarts: 1, failure: null, state: "running" });
    expect(lines).toContain(DEAF);
    // The round that was left behind finds the next message.
    broker.silence = async () => [];
    const late = await note.delay(2);
    release.resolve();
    await expect.poll(() => isLate).toBe(true);
    broker.silence = undefined;
    await late.get({ timeoutMs: 20_000 });
    expect(ran).toEqual([1, 2]);
    expect(broker.givenBack).toBe(1);
  });

  test("starts again when it finds nothing although messages wait", async () => {
    const broker = new DeafBroker();
    const { logger, lines } = keepLogs();
    await using tasks = createTasks({ broker, results: "memory:", logger });
    const noop = tasks.task("t.noop", () => "done");
    broker.silence = async () => [];
    await using worker = tasks.createWorker({ deafAfterMs: 50, leaseMs: 60 });
    await worker.start();
    expect(await (await noop.delay()).get({ timeoutMs: 20_000 })).toBe("done");
    expect(broker.reconnects).toBe(1);
    expect(lines.filter((line) => line === DEAF)).toHaveLength(1);
  });

  test("is not deaf when nothing waits, nor when there is no room", async () => {
    const broker = new DeafBroker();
    await using tasks = createTasks({ broker, results: "memory:" });
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const wait = tasks.task("t.wait", () => released);
    await using worker = tasks.createWorker({ deafAfterMs: 40, leaseMs: 60, concurrency: 1 });
    await worker.start();
    let looks = 0;
    const { contents } = broker;
    Object.defineProperty(broker, "contents", {
      get: () => ({ ...contents, count: (queue: string) => (looks++, contents.count(queue)) }),
    });
    await expect.poll(() => looks).toBeGreaterThan(2);
    const [running, waiting] = [await wait.delay(), await wait.delay()];
    await expect.poll(() => worker.health().running).toBe(1);
    const looked = looks;
    const { checks } = broker;
    await expect.poll(() => broker.checks).toBeGreaterThan(checks + 10);
    expect(looks).toBeLessThanOrEqual(looked + 1);
    release();
    await Promise.all([running.get(), waiting.get()]);
    expect(worker.health().restarts).toBe(0);
  });

  test("says once that the broker is not there, and once that it is back", async () => {
    const { logger, lines } = keepLogs();
    const broker = new DeafBroker();
    let failures = 0;
    broker.silence = async () => {
      failures++;
      throw new TidingsError("STORAGE_UNAVAILABLE", "no broker");
    };
    await using tasks = createTasks({ broker, results: "memory:", logger });
    await using worker = tasks.createWorker({ leaseMs: 60, deafAfterMs: 50 });
    await worker.start();
    await expect.poll(() => failures).toBeGreaterThan(3);
    expect(worker.health()).toMatchObject({ failure: { message: "no broker" }, answeredAt: null });
    broker.silence = undefined;
    await expect.poll(() => worker.health().failure).toBeNull();
    expect(worker.health()).toMatchObject({ answeredAt: expect.any(Number), restarts: 0 });
    expect(lines).toEqual([
      "messages could not be taken; it is tried again",
      "messages can be taken again",
    ]);
  });

  test("says that the broker does not answer, before it gives up a take", async () => {
    const { logger, lines } = keepLogs();
    const broker = new DeafBroker();
    const release = Promise.withResolvers<Taken>();
    broker.silence = () => release.promise;
    await using tasks = createTasks({ broker, results: "memory:", logger });
    await using worker = tasks.createWorker({ leaseMs: 60 });
    await worker.start();
    await expect.poll(() => lines).toHaveLength(1);
    expect(worker.health().failure?.message).toBe("the broker has not answered for 2 s");
    broker.silence = undefined;
    release.resolve([]);
    await expect.poll(() => worker.health().failure).toBeNull();
  });

  test("says why, once, if the broker knows before the take fails", async () => {
    const { logger, lines } = keepLogs();
    const broker = new DeafBroker();
    broker.trouble = new TidingsError("STORAGE_UNAVAILABLE", "connection refused");
    const { promise, reject } = Promise.withResolvers<Taken>();
    broker.silence = () => promise;
    await using tasks = createTasks({ broker, results: "memory:", logger });
    await using worker = tasks.createWorker({ leaseMs: 60 });
    await worker.start();
    await expect.poll(() => lines, { timeout: 5_000 }).toHaveLength(1);
    expect(worker.health().failure).toBe(broker.trouble);
    reject(new TidingsError("STORAGE_UNAVAILABLE", "connection refused"));
    broker.silence = undefined;
    await expect.poll(() => worker.health().failure).toBeNull();
    expect(lines).toHaveLength(2);
  });

  test("does not keep a worker from stopping", async () => {
    const broker = new DeafBroker();
    await using tasks = createTasks({ broker, results: "memory:" });
    broker.silence = () => new Promise(() => {});
    const worker = tasks.createWorker({ deafAfterMs: 100 });
    await worker.start();
    await worker.stop();
    expect(worker.state).toBe("stopped");
  });
});

import { setImmediate as endOfTurn } from "node:timers/promises";

import { describe, expect, onTestFinished, test, vi } from "vitest";
import { z } from "zod";

import { TidingsError } from "../core/errors.ts";
import { MemoryLayer, type LayerMessage, type ReceiveOptions } from "../layers/index.ts";
import { backgroundConsumer, type BackgroundConsumer } from "./background-consumer.ts";
import { BackgroundWorker, type BackgroundWorkerOptions } from "./background-worker.ts";

const numbered = { "task.n": z.object({ n: z.number() }) };

/** A worker of one channel, `work`, on a layer in memory, and what it logged. */
class Rig implements AsyncDisposable {
  readonly layer: MemoryLayer;
  readonly worker: BackgroundWorker;
  readonly log: { readonly level: string; readonly message: string; readonly fields: object }[] =
    [];

  constructor(consumer: BackgroundConsumer, layer = new MemoryLayer()) {
    const level = (name: string) => (fields: object, message: string) =>
      void this.log.push({ level: name, message, fields });
    this.layer = layer;
    this.worker = new BackgroundWorker({
      channels: { work: consumer },
      getLayer: () => layer,
      logger: {
        debug: level("debug"),
        info: level("info"),
        warn: level("warn"),
        error: level("error"),
      },
    });
  }

  get status(): BackgroundWorker["channels"][number] | undefined {
    return this.worker.channels[0];
  }

  get errors(): readonly string[] {
    return this.log.filter(({ level }) => level === "error").map(({ message }) => message);
  }

  async sendNumbers(count: number): Promise<void> {
    for (let n = 0; n < count; n += 1) await this.layer.send("work", { type: "task.n", n });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.worker.stop({ signal: AbortSignal.abort() });
  }
}

/** A layer that cannot be read for as long as a test says. */
class FailingLayer extends MemoryLayer {
  isDown = true;
  tries = 0;

  override async receive(channel: string, options?: ReceiveOptions): Promise<LayerMessage> {
    this.tries += 1;
    if (this.isDown) throw new TidingsError("REDIS_UNAVAILABLE", "gone");
    return await super.receive(channel, options);
  }
}

/** A layer whose server is away for as long as a test says; whoever waits for a message just waits. */
class AwayLayer extends MemoryLayer {
  isAway = true;

  override async check(): Promise<void> {
    if (this.isAway) throw new TidingsError("REDIS_UNAVAILABLE", "gone");
    await super.check();
  }
}

/** Handlers that wait until they are let go, one after another. */
class Gate {
  readonly entered: number[] = [];
  readonly #waiting: (() => void)[] = [];

  async pass(n: number): Promise<void> {
    this.entered.push(n);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    await promise;
  }

  release(): void {
    this.#waiting.shift()?.();
  }
}

function gated(gate: Gate, concurrency?: number): BackgroundConsumer {
  return backgroundConsumer({
    events: numbered,
    on: { "task.n": (_context, { n }) => gate.pass(n) },
    concurrency,
  });
}

describe("a background worker", () => {
  test("hands each message to the handler of its type, as its schema makes it", async () => {
    const seen: unknown[] = [];
    await using rig = new Rig(
      backgroundConsumer({
        events: {
          "task.trim": z.object({ text: z.string().trim() }),
          // What a schema waits for, a handler waits for too.
          "task.later": z.object({ n: z.number().transform(async (n) => n + 1) }),
        },
        on: {
          "task.trim": (context, event) => seen.push([context.channelName, event]),
          "task.later": (_context, { n }) => seen.push(n),
        },
      }),
    );
    await rig.layer.send("work", { type: "task.trim", text: "  a  ", extra: 1 });
    await rig.layer.send("work", { type: "task.later", n: 1 });
    await rig.worker.start();
    await expect.poll(() => rig.status?.done).toBe(2);
    expect(seen).toEqual([["work", { type: "task.trim", text: "a" }], 2]);
  });

  test("handles one message after another, in their order", async () => {
    const gate = new Gate();
    await using rig = new Rig(gated(gate));
    await rig.sendNumbers(3);
    await rig.worker.start();
    for (const expected of [[0], [0, 1], [0, 1, 2]]) {
      await expect.poll(() => gate.entered).toEqual(expected);
      expect(rig.status?.running).toBe(1);
      gate.release();
    }
    await expect.poll(() => rig.status).toMatchObject({ running: 0, done: 3 });
  });

  test("takes no more than it can handle at once, and leaves the rest in the layer", async () => {
    const gate = new Gate();
    await using rig = new Rig(gated(gate, 2));
    await rig.sendNumbers(4);
    await rig.worker.start();
    await expect.poll(() => gate.entered).toEqual([0, 1]);
    // Another process would get the third one at once.
    expect(await rig.layer.receive("work")).toEqual({ type: "task.n", n: 2 });
    gate.release();
    await expect.poll(() => gate.entered).toEqual([0, 1, 3]);
    gate.release();
    gate.release();
    await expect.poll(() => rig.status?.done).toBe(3);
  });

  test("logs what a handler throws with the type and without the payload, and goes on", async () => {
    const seen: number[] = [];
    await using rig = new Rig(
      backgroundConsumer({
        events: numbered,
        on: {
          "task.n": (_context, { n }) => {
            if (n === 1) throw new Error("boom");
            seen.push(n);
          },
        },
      }),
    );
    await rig.sendNumbers(4);
    await rig.worker.start();
    await expect.poll(() => rig.status).toMatchObject({ done: 3, failed: 1 });
    expect(seen).toEqual([0, 2, 3]);
    expect(rig.log.filter(({ level }) => level === "error")).toEqual([
      {
        level: "error",
        message: "handler failed",
        fields: { err: new Error("boom"), channel: "work", type: "task.n" },
      },
    ]);
  });

  test("drops what it does not know or its schema refuses, says so, and goes on", async () => {
    const seen: number[] = [];
    await using rig = new Rig(
      backgroundConsumer({
        events: numbered,
        on: { "task.n": (_context, { n }) => seen.push(n) },
      }),
    );
    await rig.layer.send("work", { type: "constructor", secret: "s3cret" });
    await rig.layer.send("work", { type: "x".repeat(200), secret: "s3cret" });
    await rig.layer.send("work", { type: "task.n", n: "s3cret" });
    await rig.layer.send("work", { type: "task.n", n: 1 });
    await rig.worker.start();
    await expect.poll(() => rig.status).toMatchObject({ done: 1, dropped: 3, failed: 0 });
    expect(seen).toEqual([1]);
    expect(rig.errors).toEqual([
      "message without a handler dropped",
      "message without a handler dropped",
      "message that does not fit its schema dropped",
    ]);
    expect(rig.log[1]?.fields).toMatchObject({ channel: "work", type: "x".repeat(100) });
    expect(rig.log[2]?.fields).toMatchObject({ type: "task.n", issues: [{ path: "n" }] });
    expect(JSON.stringify(rig.log)).not.toContain("s3cret");
  });

  test("reaches channels and groups of its layer from a handler", async () => {
    await using rig = new Rig(
      backgroundConsumer({
        events: { "task.answer": z.object({ to: z.string() }) },
        on: {
          async "task.answer"(context, { to }) {
            await context.send(to, { type: "answer", from: context.channelName });
            await context.groupSend("everybody", { type: "answered" });
          },
        },
      }),
    );
    await rig.layer.groupAdd("everybody", "member");
    await rig.layer.send("work", { type: "task.answer", to: "asker" });
    await rig.worker.start();
    expect(await rig.layer.receive("asker")).toEqual({ type: "answer", from: "work" });
    expect(await rig.layer.receive("member")).toEqual({ type: "answered" });
  });

  test("shares a channel with other workers: each message is handled once", async () => {
    const seen: number[] = [];
    const consumer = backgroundConsumer({
      events: numbered,
      on: { "task.n": (_context, { n }) => seen.push(n) },
      concurrency: 3,
    });
    const layer = new MemoryLayer({ capacity: 1_000 });
    await using one = new Rig(consumer, layer);
    await using two = new Rig(consumer, layer);
    await one.worker.start();
    await two.worker.start();
    await one.sendNumbers(200);
    await expect.poll(() => seen).toHaveLength(200);
    expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, n) => n));
    expect(Math.min(one.status?.done ?? 0, two.status?.done ?? 0)).toBeGreaterThan(0);
  });
});

describe("a background worker whose layer fails", () => {
  test("tries again, says so once, and is not healthy until it reads again", async () => {
    const layer = new FailingLayer();
    const seen: number[] = [];
    await using rig = new Rig(
      backgroundConsumer({
        events: numbered,
        on: { "task.n": (_context, { n }) => seen.push(n) },
      }),
      layer,
    );
    expect(rig.worker.isHealthy).toBe(true);
    await rig.worker.start();
    await expect.poll(() => layer.tries).toBeGreaterThan(2);
    expect(rig.worker.isHealthy).toBe(false);
    expect(rig.errors).toEqual(["channel cannot be read; trying again"]);
    layer.isDown = false;
    await rig.sendNumbers(1);
    await expect.poll(() => seen).toEqual([0]);
    expect(rig.worker.isHealthy).toBe(true);
    expect(rig.log.at(-1)).toMatchObject({ level: "info", message: "channel is read again" });
  });

  test("is healthy again when nothing comes and nothing fails", async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const layer = new FailingLayer();
    await using rig = new Rig(backgroundConsumer({ events: {}, on: {} }), layer);
    await rig.worker.start();
    await vi.advanceTimersByTimeAsync(1_000);
    layer.isDown = false;
    await vi.advanceTimersByTimeAsync(2_000);
    expect(rig.worker.isHealthy).toBe(false);
    // The longest wait before it tries again, and the time that makes it sure.
    await vi.advanceTimersByTimeAsync(10_000);
    vi.useRealTimers();
    expect(rig.worker.isHealthy).toBe(true);
  });

  test("says once that the layer is away and once that it is back, though nothing fails", async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const layer = new AwayLayer();
    await using rig = new Rig(backgroundConsumer({ events: {}, on: {} }), layer);
    await rig.worker.start();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(rig.worker.isHealthy).toBe(false);
    expect(rig.log).toMatchObject([
      { level: "error", message: "the layer cannot be reached", fields: { layer: "default" } },
    ]);
    layer.isAway = false;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(rig.worker.isHealthy).toBe(true);
    expect(rig.log.slice(1)).toMatchObject([
      { level: "info", message: "the layer is reached again", fields: { layer: "default" } },
    ]);
    await rig.worker.stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  test("gives up when the layer is closed", async () => {
    await using rig = new Rig(backgroundConsumer({ events: {}, on: {} }));
    await rig.worker.start();
    await rig.layer.close();
    await expect.poll(() => rig.errors).toEqual(["channel cannot be read any more"]);
    expect(rig.worker.isHealthy).toBe(false);
    await rig.worker.stop();
    expect(rig.worker.state).toBe("stopped");
  });

  test("stops at once while it waits to try again", async () => {
    await using rig = new Rig(backgroundConsumer({ events: {}, on: {} }), new FailingLayer());
    await rig.worker.start();
    await expect.poll(() => rig.worker.isHealthy).toBe(false);
    await rig.worker.stop();
    expect(rig.worker.state).toBe("stopped");
  });
});

describe("a background worker that is stopped", () => {
  test.each([1, 2])("lets what it handles finish, of %d at once", async (concurrency) => {
    const gate = new Gate();
    await using rig = new Rig(gated(gate, concurrency));
    await rig.sendNumbers(1);
    await rig.worker.start();
    await expect.poll(() => gate.entered).toEqual([0]);
    const stopped = rig.worker.stop();
    await rig.layer.send("work", { type: "task.n", n: 1 });
    await endOfTurn();
    expect(rig.worker.state).toBe("stopping");
    gate.release();
    await stopped;
    expect(rig.worker.state).toBe("stopped");
    expect(rig.status).toMatchObject({ running: 0, done: 1 });
    expect(await rig.layer.receive("work")).toEqual({ type: "task.n", n: 1 });
  });

  test("loses no message that comes after it has stopped waiting", async () => {
    await using rig = new Rig(gated(new Gate()));
    await rig.worker.start();
    await Promise.all([rig.worker.stop(), rig.worker.stop()]);
    await rig.sendNumbers(1);
    expect(await rig.layer.receive("work")).toEqual({ type: "task.n", n: 0 });
  });

  test("fires the signal of its handlers when their time is over, and waits for them", async () => {
    const heard = Promise.withResolvers<unknown>();
    await using rig = new Rig(
      backgroundConsumer({
        events: numbered,
        on: {
          "task.n": ({ signal }) =>
            new Promise<void>((resolve) => {
              signal.addEventListener("abort", () => {
                heard.resolve(signal.reason);
                resolve();
              });
            }),
        },
      }),
    );
    await rig.sendNumbers(1);
    await rig.worker.start();
    await expect.poll(() => rig.status?.running).toBe(1);
    const timeout = new AbortController();
    const stopped = rig.worker.stop({ signal: timeout.signal });
    timeout.abort("over");
    expect(await heard.promise).toBe("over");
    await stopped;
    expect(rig.status).toMatchObject({ running: 0, done: 1 });
  });

  test("leaves a handler behind that does not heed its signal, and says so", async () => {
    await using rig = new Rig(gated(new Gate()));
    await rig.sendNumbers(1);
    await rig.worker.start();
    await expect.poll(() => rig.status?.running).toBe(1);
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const stopped = rig.worker.stop({ signal: AbortSignal.abort() });
    await vi.advanceTimersByTimeAsync(1_000);
    vi.useRealTimers();
    await stopped;
    expect(rig.log.at(-1)).toEqual({
      level: "error",
      message: "messages were left behind",
      fields: { channel: "work", running: 1 },
    });
  });

  test("before it has started does nothing", async () => {
    await using rig = new Rig(gated(new Gate()));
    await rig.worker.stop();
    expect(rig.worker.state).toBe("idle");
  });
});

describe("what a background worker refuses", () => {
  const options: BackgroundWorkerOptions = {
    channels: { work: backgroundConsumer({ events: {}, on: {} }) },
    getLayer: () => new MemoryLayer(),
  };

  test("is a channel that nobody has defined", () => {
    expect(() => new BackgroundWorker({ ...options, names: ["play"] })).toThrow(
      'expected `names` to be one of `work`, got `"play"` (string)',
    );
  });

  test("is an event without a handler, and a handler without an event", () => {
    const handler = (): void => {};
    const empty: Readonly<Record<string, typeof handler>> = {};
    expect(() => backgroundConsumer({ events: { toString: z.object() }, on: empty })).toThrow(
      "declares `toString`",
    );
    expect(() =>
      backgroundConsumer<Readonly<Record<string, z.ZodObject>>>({
        events: {},
        on: { extra: handler },
      }),
    ).toThrow("handles `extra`");
    expect(() => backgroundConsumer({ events: {}, on: {}, concurrency: 0 })).toThrow(
      "expected `concurrency` to be a positive integer",
    );
  });
});

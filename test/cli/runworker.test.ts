import { fileURLToPath } from "node:url";

import { openLayer, type ChannelLayer } from "tidings/layers";
import { describe, expect, test } from "vitest";

import { RedisServer } from "../redis/redis-server.ts";
import { Tidings, type Ended } from "./tidings.ts";

const FIXTURE = fileURLToPath(new URL("background-application.ts", import.meta.url));

/** A Redis, the layer in it, and the workers that read it. */
class Rig implements AsyncDisposable {
  readonly redis: RedisServer;
  readonly layer: ChannelLayer;
  readonly #url: string;
  readonly #workers: Tidings[] = [];

  private constructor(redis: RedisServer) {
    this.redis = redis;
    this.#url = `${redis.url.replace("redis:", "redis+queue:")}?capacity=1000`;
    this.layer = openLayer(this.#url);
  }

  static async open(): Promise<Rig> {
    await using resources = new AsyncDisposableStack();
    const rig = new Rig(resources.use(await RedisServer.start()));
    resources.move(); // from here on it is the rig's
    return rig;
  }

  /** Starts a worker, and waits until it reads. */
  async startWorker(...args: readonly string[]): Promise<Tidings> {
    const worker = new Tidings(["runworker", FIXTURE, ...args], { LAYER_URL: this.#url });
    this.#workers.push(worker);
    await worker.until(/"runworker started"/);
    return worker;
  }

  async sendNumbers(from: number, to: number): Promise<void> {
    for (let n = from; n < to; n += 1) await this.layer.send("work", { type: "work.n", n });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const worker of this.#workers) await worker[Symbol.asyncDispose]();
    await this.layer.close();
    await this.redis[Symbol.asyncDispose]();
  }
}

function handled(...outputs: readonly string[]): readonly number[] {
  return outputs
    .flatMap((output) => [...output.matchAll(/^handled (\d+)$/gm)])
    .map(([, n]) => Number(n))
    .toSorted((a, b) => a - b);
}

function upTo(end: number): readonly number[] {
  return Array.from({ length: end }, (_, n) => n);
}

/** Waits until the workers have handled so many messages together. */
async function untilHandled(count: number, ...workers: readonly Tidings[]): Promise<void> {
  const limit = Date.now() + 30_000;
  while (handled(...workers.map(({ output }) => output)).length < count) {
    if (Date.now() > limit) throw new Error(workers.map(({ output }) => output).join("\n---\n"));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function stop(worker: Tidings): Promise<Ended> {
  worker.kill("SIGTERM");
  return await worker.ended;
}

describe("tidings runworker", () => {
  test("explains itself with --help", async () => {
    const { code, output } = await new Tidings(["runworker", "--help"]).ended;
    expect(code).toBe(0);
    expect(output).toContain("the channels to read");
  });

  test.each([
    [["play"], {}, "the application has no channel `play`; it has work, ping [OPTION_INVALID]"],
    [[], { NO_CHANNELS: "yes" }, "the application has no background consumers"],
    [[], {}, "the layer of work, ping is in memory, where no other process can send to it"],
  ])("says what is wrong with the channels %j and %j", async (names, env, message) => {
    const { code, output } = await new Tidings(["runworker", FIXTURE, ...names], env).ended;
    expect(code).toBe(1);
    expect(output).toContain(message);
    expect(output).not.toContain("    at ");
  });

  test("says what it reads, and reads only what it is told to", async () => {
    await using rig = await Rig.open();
    const worker = await rig.startWorker("ping");
    const [, line = ""] = await worker.until(/^(.*"runworker started".*)$/m);
    expect(JSON.parse(line)).toMatchObject({
      application: "background",
      channels: [{ name: "ping", concurrency: 3, events: ["ping.now"] }],
      layer: expect.stringContaining("redis+queue://127.0.0.1"),
    });
    await rig.sendNumbers(0, 1);
    await rig.layer.send("ping", { type: "ping.now" });
    await worker.until(/pinged/);
    expect(handled((await stop(worker)).output)).toEqual([]);
    expect(await rig.layer.receive("work")).toEqual({ type: "work.n", n: 0 });
  });

  test("shares the work with other processes: nothing is lost, nothing is done twice", async () => {
    await using rig = await Rig.open();
    const workers = await Promise.all([rig.startWorker(), rig.startWorker()]);
    await rig.sendNumbers(0, 100);
    await rig.layer.send("work", { type: "work.poison", secret: "s3cret" });
    await rig.layer.send("work", { type: "work.unknown", secret: "s3cret" });
    await rig.layer.send("work", { type: "work.n", n: "s3cret" });
    // One of them may be kept from its turn for a while: until both have had their share, there is more.
    let count = 100;
    do {
      await rig.sendNumbers(count, count + 100);
      count += 100;
      await untilHandled(count, ...workers);
    } while (count < 10_000 && workers.some(({ output }) => handled(output).length <= 20));
    const [one, two] = await Promise.all(workers.map((worker) => stop(worker)));
    expect([one?.code, two?.code]).toEqual([0, 0]);
    const outputs = [one?.output ?? "", two?.output ?? ""];
    expect(handled(...outputs)).toEqual(upTo(count));
    for (const output of outputs) expect(handled(output).length).toBeGreaterThan(20);
    const both = outputs.join("");
    expect(both).toMatch(/"type":"work.poison"[^\n]*"handler failed"/);
    expect(both).toMatch(/"type":"work.unknown"[^\n]*"message without a handler dropped"/);
    expect(both).toMatch(/"type":"work.n"[^\n]*"message that does not fit its schema dropped"/);
    expect(both).not.toContain("s3cret");
  });

  test("finishes what it does on SIGTERM, and leaves the rest to others", async () => {
    await using rig = await Rig.open();
    const first = await rig.startWorker("work");
    await rig.layer.send("work", { type: "work.until-stop" });
    await first.until(/waits for the stop/);
    await rig.sendNumbers(0, 20);
    const ended = await stop(first);
    expect(ended).toMatchObject({ code: 0, signal: null });
    expect(ended.output).toMatch(/finished after the stop[^]*"runworker stopped"/);
    expect(handled(ended.output)).toEqual([]);
    const second = await rig.startWorker();
    await untilHandled(20, second);
    expect(handled((await stop(second)).output)).toEqual(upTo(20));
  });

  test("tells its handlers when their time to stop is over", async () => {
    await using rig = await Rig.open();
    const worker = await rig.startWorker("--stop-timeout", "0");
    await rig.layer.send("work", { type: "work.until-signal" });
    await worker.until(/waits for its signal/);
    const { code, output } = await stop(worker);
    expect(code).toBe(0);
    expect(output).toContain("heard its signal");
  });

  test("loses only what it was doing when it is killed", async () => {
    await using rig = await Rig.open();
    const first = await rig.startWorker();
    await rig.layer.send("work", { type: "work.until-stop" });
    await first.until(/waits for the stop/);
    await rig.sendNumbers(0, 20);
    first.kill("SIGKILL");
    expect(handled((await first.ended).output)).toEqual([]);
    const second = await rig.startWorker();
    await untilHandled(20, second);
    const { output } = await stop(second);
    expect(handled(output)).toEqual(upTo(20));
    expect(output).not.toContain("waits for the stop");
  });

  test("goes on when Redis was away", async () => {
    await using rig = await Rig.open();
    const worker = await rig.startWorker();
    await rig.sendNumbers(0, 1);
    await untilHandled(1, worker);
    await rig.redis.kill();
    await worker.until(/"the layer cannot be reached"/);
    await rig.redis.start();
    await worker.until(/"the layer is reached again"/);
    await rig.sendNumbers(1, 2);
    await untilHandled(2, worker);
    const { output } = await stop(worker);
    expect(handled(output)).toEqual([0, 1]);
    expect(output).toContain("the layer was cut off; messages may be missing");
    expect(output.match(/the layer cannot be reached/g)).toHaveLength(1);
  });

  test("warns of a layer that gives every process every message", async () => {
    await using redis = await RedisServer.start();
    await using worker = new Tidings(["runworker", FIXTURE], { LAYER_URL: redis.url });
    const [, line = ""] = await worker.until(/^(.*every process gets every message.*)$/m);
    expect(JSON.parse(line)).toMatchObject({ level: "warn", channels: ["work", "ping"] });
  });
});

describe("background consumers beside the server", () => {
  test("run in its process with --runworker, and stop with it", async () => {
    await using server = new Tidings(["serve", FIXTURE, "--runworker", "--port", "0"]);
    const [, url = ""] = await server.until(/"url":"([^"]+)"/);
    await server.until(/"runworker started"/);
    await fetch(url);
    await server.until(/pinged/);
    expect(await stop(server)).toMatchObject({ code: 0, signal: null });
  });

  test("are missed by a server whose layer nobody else can read, which says so", async () => {
    await using server = new Tidings(["serve", FIXTURE, "--port", "0"]);
    const [, line = ""] = await server.until(/^(.*nobody reads these channels.*)$/m);
    expect(JSON.parse(line)).toMatchObject({ level: "warn", channels: ["work", "ping"] });
  });

  test("run in the server's process under dev when the layer is in memory", async () => {
    await using dev = new Tidings(["dev", FIXTURE, "--port", "0", "--no-watch"]);
    const [, url = ""] = await dev.until(/"url":"([^"]+)"/);
    await dev.until(/"runworker started"/);
    await fetch(url);
    await dev.until(/pinged/);
    expect(dev.output.match(/process started/g)).toHaveLength(1);
  });

  test("run in a process of their own under dev when processes share the layer", async () => {
    await using redis = await RedisServer.start();
    await using dev = new Tidings(["dev", FIXTURE, "--port", "0", "--no-watch"], {
      LAYER_URL: redis.url.replace("redis:", "redis+queue:"),
    });
    const [, url = ""] = await dev.until(/"url":"([^"]+)"/);
    await dev.until(/"service":"runworker"[^\n]*"runworker started"/);
    await fetch(url);
    await dev.until(/pinged/);
    expect((await stop(dev)).output).toContain("runworker stopped");
  });
});

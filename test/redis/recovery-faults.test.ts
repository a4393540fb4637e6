import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { createApp } from "tidings";
import { expect, test, vi } from "vitest";

import { openRedis } from "../../src/redis/index.ts";
import { freePort } from "../free-port.ts";
import { serve } from "../integration/serve.ts";
import { Proxy } from "../torture/proxy.ts";
import { Crowd } from "./crowd.ts";
import { ROUTES } from "./numbers.ts";
import { RedisServer } from "./redis-server.ts";

/** Short enough that a deaf connection is noticed within the test. */
const impatient = {
  commandTimeoutMs: 500,
  pingIntervalMs: 300,
  backoff: { baseMs: 20, maxMs: 200 },
};

test("whatever breaks, every transport brings everything once and in order", async () => {
  await using redis = await RedisServer.start(["--appendonly", "yes"]);
  await using toRedis = await Proxy.start(redis.port);
  const layer = { url: `redis://127.0.0.1:${toRedis.port}`, ...impatient };
  await using stays = await serve(
    () => ({ routes: ROUTES }),
    { heartbeatMs: 1_000 },
    { drivers: { layer } },
  );
  await using dies = await NumbersServer.start(redis.url);
  await using toServer = await Proxy.start(stays.server.port);
  await using hears = await Proxy.start(stays.server.port);
  await using speaks = await Proxy.start(stays.server.port);
  const lines = [toServer, hears, speaks];
  // Faults come faster than anywhere else: without luck, those who come back would wait for long.
  vi.spyOn(Math, "random").mockReturnValue(0.05);
  await using publisher = new Publisher(redis.url);
  await using crowd = new Crowd([...lines.map(({ port }) => `http://127.0.0.1:${port}`), dies.url]);
  await crowd.has(0);

  const survive = async (what: string, fault: () => Promise<unknown>): Promise<void> => {
    await publisher.send(3);
    await fault();
    await publisher.send(3);
    const last = await publisher.sendUntilStored();
    await crowd.has(last, what);
  };
  await survive("its subscriptions were cut", async () => {
    await using admin = openRedis(redis.url);
    await admin.command(["CLIENT", "KILL", "TYPE", "pubsub"]);
  });
  await survive("all its connections were cut", async () => toRedis.cut());
  await survive("its connections have gone deaf", async () => toRedis.deafen());
  await survive("clients were cut off by a proxy that had frozen", async () => {
    for (const line of lines) line.freeze();
    await publisher.send(3);
    for (const line of lines) line.thaw();
    for (const line of lines) line.cut();
  });
  const clock = new WrongClock();
  await survive("lines were half-open, and its clock was wrong", async () => {
    toServer.deafen();
    hears.deafen("client");
    speaks.deafen("server");
    clock.setForth();
  });
  await survive("its clock was set back", async () => {
    // What a browser's pool still has of dead lines would be noticed after 40 s of the right clock only.
    for (const line of lines) line.cut();
    clock.setBack();
  });
  await survive("a server was killed", async () => {
    await dies.kill();
    await publisher.send(3);
    await dies.start();
  });
  await survive("Redis was killed", async () => {
    await redis.kill();
    await publisher.send(3);
    await redis.start();
  });

  const { stored, doubtful } = publisher;
  for (const { name, received, resets } of crowd.listeners) {
    expect(received, name).toEqual([...new Set(received)].toSorted((a, b) => a - b));
    expect(
      received.filter((n) => !doubtful.has(n)),
      name,
    ).toEqual(stored);
    // Whoever was connected to a process that died is told so, and has missed nothing all the same.
    const isTold = name.startsWith("connect") && name.endsWith(dies.url);
    expect(resets, name).toEqual(isTold ? ["connection-gone, recovered"] : []);
  }
  const counts = stays.app.getRecordedGroups().counts;
  expect(counts.gapsNotRepaired).toBe(0);
  expect(counts.gapsRepaired).toBeGreaterThan(0);
});

test("a history that Redis has lost is told once over every transport, and everything that comes after it", async () => {
  await using redis = await RedisServer.start();
  const layer = { url: redis.url, ...impatient };
  await using server = await serve(() => ({ routes: ROUTES }), {}, { drivers: { layer } });
  await using publisher = new Publisher(redis.url);
  // What comes later has places before theirs.
  await publisher.send(20);
  await using crowd = new Crowd([server.url]);
  await crowd.has(0);
  const areTold = async (times: number): Promise<void> =>
    await vi.waitFor(() => {
      for (const { name, resets } of crowd.listeners) expect(resets, name).toHaveLength(times);
    }, 30_000);

  await redis.kill();
  await redis.start();
  await areTold(1);
  await crowd.has(await publisher.sendUntilStored(), "Redis had lost everything");
  await publisher.send(4);
  await crowd.has(publisher.last, "Redis had lost everything");
  await using admin = openRedis(redis.url);
  await admin.command(["FLUSHALL"]);
  // Nothing else tells of it; what is told now is this message, or a state that has it.
  await publisher.send(1);
  const mayBeState = publisher.last;
  await areTold(2);
  await publisher.send(4);
  await crowd.has(publisher.last, "Redis was emptied");

  const { stored, doubtful } = publisher;
  const isSure = (n: number): boolean => n > 20 && n !== mayBeState && !doubtful.has(n);
  for (const { name, received, resets } of crowd.listeners) {
    expect(received.filter(isSure), name).toEqual(stored.filter(isSure));
    expect(resets, name).toEqual(["epoch-changed", "epoch-changed"]);
  }
});

/** The clock of this process, in which a server and all clients are. */
class WrongClock {
  readonly #now = Date.now;

  /** By an hour, and it runs ten times too fast: whatever waits by it has waited long enough soon. */
  setForth(): void {
    const begunAt = performance.now();
    const isAhead = (): number => 3_600_000 + 9 * (performance.now() - begunAt);
    vi.spyOn(Date, "now").mockImplementation(() => this.#now() + isAhead());
  }

  setBack(): void {
    vi.mocked(Date.now).mockRestore();
  }
}

/** A server in a process of its own, that can be killed and started again on its port. */
class NumbersServer implements AsyncDisposable {
  readonly url: string;
  readonly #redisUrl: string;
  #process: ChildProcess | undefined;

  private constructor(redisUrl: string, port: number) {
    this.#redisUrl = redisUrl;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(redisUrl: string): Promise<NumbersServer> {
    const server = new NumbersServer(redisUrl, await freePort());
    await server.start();
    return server;
  }

  async start(): Promise<void> {
    const main = fileURLToPath(new URL("numbers-main.ts", import.meta.url));
    const child = spawn(
      process.execPath,
      ["--conditions=tidings-source", main, this.#redisUrl, new URL(this.url).port],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    this.#process = child;
    await once(child.stdout, "data");
  }

  async kill(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

/** Sends numbers from 1 on; what may or may not have been stored is not sent again. */
class Publisher implements AsyncDisposable {
  readonly stored: number[] = [];
  readonly doubtful: Set<number> = new Set();
  readonly #app: ReturnType<typeof createApp>;
  #n = 0;

  constructor(url: string) {
    this.#app = createApp({ name: "publisher", broker: "memory:", layer: { url, ...impatient } });
  }

  /** The last number that it has tried to send. */
  get last(): number {
    return this.#n;
  }

  async send(count: number): Promise<void> {
    for (let index = 0; index < count; index++) await this.#send();
  }

  /** Sends until one is stored for sure; returns it. */
  async sendUntilStored(): Promise<number> {
    while (!(await this.#send())) await delay(20);
    return this.#n;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#app.close();
  }

  async #send(): Promise<boolean> {
    const n = (this.#n += 1);
    try {
      await this.#app.groupSend("numbers", { type: "number", n }, { history: true });
      this.stored.push(n);
      return true;
    } catch {
      this.doubtful.add(n);
      return false;
    }
  }
}

import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";

import { describe, expect, test, vi } from "vitest";

import { silentLogger } from "../core/logger.ts";
import { spawnNode } from "./supervised-process.ts";
import { Supervisor } from "./supervisor.ts";

/** Ends when the test says so, however often it is asked to stop; gone with the test at the latest. */
const SLOW_TO_STOP = `
  import { connect } from "node:net";
  const socket = connect(Number(process.argv[1]), "127.0.0.1");
  process.on("SIGTERM", () => socket.write("asked\\n"));
  socket.on("data", () => process.exit(0)).on("close", () => process.exit(0));
`;

/** A process that has started, as the test sees it. */
class Child {
  readonly ended: Promise<unknown>;
  isAlive = true;
  asked = 0;
  readonly #socket: Socket;
  readonly #firstAsked = Promise.withResolvers<void>();

  constructor(socket: Socket) {
    this.#socket = socket;
    this.ended = once(socket, "close").then(() => (this.isAlive = false));
    socket.on("error", () => {}); // a killed process resets its connection; "close" follows
    socket.setEncoding("utf8").on("data", (text: string) => {
      this.asked += text.split("\n").length - 1;
      this.#firstAsked.resolve();
    });
  }

  get askedToStop(): Promise<void> {
    return this.#firstAsked.promise;
  }

  /** Lets it end. */
  release(): void {
    this.#socket.write("end");
  }
}

/** A supervisor of one process, which reports here when it has started. */
class Rig implements AsyncDisposable {
  readonly supervisor: Supervisor;
  readonly children: Child[] = [];
  readonly #server: Server;
  readonly #pids: number[] = [];
  #overlaps = 0;
  #onChild = (): void => {};

  constructor(server: Server, port: number) {
    this.#server = server.on("connection", (socket) => {
      this.children.push(new Child(socket));
      this.#onChild();
    });
    const args = ["--input-type=module", "--eval", SLOW_TO_STOP, String(port)];
    this.supervisor = new Supervisor([{ name: "slow", launch: () => spawnNode(args) }], {
      ...silentLogger,
      info: (fields) => this.#onLog(fields),
    });
  }

  static async open(): Promise<Rig> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    return new Rig(server, typeof address === "object" && address ? address.port : 0);
  }

  /**
   * How many processes were started, how many of them while another one was alive, and how many are
   * alive now, as the system knows it.
   */
  get counts(): { readonly started: number; readonly overlaps: number; readonly alive: number } {
    return { started: this.#pids.length, overlaps: this.#overlaps, alive: this.#alive };
  }

  get #alive(): number {
    return this.#pids.filter((pid) => isAlive(pid)).length;
  }

  /** The process that started as the given one, the first being 1. */
  async child(number: number): Promise<Child> {
    for (;;) {
      const child = this.children[number - 1];
      if (child) return child;
      await new Promise<void>((resolve) => (this.#onChild = resolve));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.supervisor.stop({ signal: AbortSignal.abort() });
    for (const pid of this.#pids) if (isAlive(pid)) process.kill(pid, "SIGKILL");
    await Promise.all(this.children.map(({ ended }) => ended));
    this.#server.close();
  }

  #onLog(fields: object): void {
    if (!("childPid" in fields) || typeof fields.childPid !== "number") return;
    if (this.#alive > 0) this.#overlaps += 1;
    this.#pids.push(fields.childPid);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false; // there is no such process
  }
}

describe("a supervised process", () => {
  test("is alive once when changes come close together", async () => {
    await using rig = await Rig.open();
    const { supervisor } = rig;
    supervisor.start();
    const first = await rig.child(1);
    const restarts = [supervisor.restart(), supervisor.restart()];
    await first.askedToStop;
    restarts.push(supervisor.restart());
    first.release();
    await Promise.all(restarts);
    await rig.child(2);
    expect(rig.counts).toEqual({ started: 2, overlaps: 0, alive: 1 });
    expect(first.asked).toBe(1);
  });

  test("is restarted once more by a change that comes after its restart", async () => {
    await using rig = await Rig.open();
    const { supervisor } = rig;
    supervisor.start();
    for (const number of [1, 2]) {
      const child = await rig.child(number);
      const restarted = supervisor.restart();
      await child.askedToStop;
      child.release();
      await restarted;
    }
    await rig.child(3);
    expect(rig.counts).toEqual({ started: 3, overlaps: 0, alive: 1 });
  });

  test("is gone after a stop, and no restart brings it back", async () => {
    await using rig = await Rig.open();
    const { supervisor } = rig;
    supervisor.start();
    const first = await rig.child(1);
    const stopped = supervisor.stop();
    const restarted = supervisor.restart();
    await first.askedToStop;
    first.release();
    await Promise.all([stopped, restarted, supervisor.stop()]);
    await supervisor.restart();
    expect(rig.counts).toEqual({ started: 1, overlaps: 0, alive: 0 });
  });

  test("is waited for by a stop that comes during a restart, and does not start again", async () => {
    await using rig = await Rig.open();
    const { supervisor } = rig;
    supervisor.start();
    const first = await rig.child(1);
    const restarted = supervisor.restart();
    await first.askedToStop;
    const aliveAfterStop = supervisor.stop().then(() => rig.counts.alive);
    first.release();
    expect(await aliveAfterStop).toBe(0);
    await restarted;
    expect(rig.counts).toEqual({ started: 1, overlaps: 0, alive: 0 });
    expect(first.asked).toBe(1);
  });

  test("is killed by the signal of a stop that comes during a restart", async () => {
    await using rig = await Rig.open();
    const { supervisor } = rig;
    supervisor.start();
    const first = await rig.child(1);
    const restarted = supervisor.restart();
    await first.askedToStop;
    const cutOff = new AbortController();
    const stopped = supervisor.stop({ signal: cutOff.signal });
    cutOff.abort();
    await stopped;
    expect(rig.counts.alive).toBe(0);
    await restarted;
    expect(rig.counts.started).toBe(1);
  });

  test("is killed by the signal of a restart, and starts anew", async () => {
    await using rig = await Rig.open();
    const { supervisor } = rig;
    supervisor.start();
    await rig.child(1);
    await supervisor.restart({ signal: AbortSignal.abort() });
    await rig.child(2);
    expect(rig.counts).toEqual({ started: 2, overlaps: 0, alive: 1 });
  });
});

test("a process that dies before it works is waited for longer each time, however long its start took", async () => {
  let now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => (now += 10_000));
  expect(await waitsAfterDeath("process.exit(1)", 2)).toEqual([500, 1_000]);
});

test("a process that has worked for long is started again at once", async () => {
  let now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => (now += 10_000));
  const script = "process.send('works', () => process.exit(1))";
  expect(await waitsAfterDeath(script, 2)).toEqual([0, 0]);
});

/** How long a script that says when it works is waited for, each time that it has died. */
async function waitsAfterDeath(script: string, times: number): Promise<readonly unknown[]> {
  const waits: unknown[] = [];
  const { promise: enough, resolve } = Promise.withResolvers<void>();
  const logger = {
    ...silentLogger,
    warn(fields: object): void {
      if ("waitMs" in fields) waits.push(fields.waitMs);
      if (waits.length === times) resolve();
    },
  };
  const spec = {
    name: "dying",
    launch: () => spawnNode(["--eval", script]),
    isReady: (message: unknown) => message === "works",
  };
  const supervisor = new Supervisor([spec], logger, () => false);
  supervisor.start();
  await enough;
  await supervisor.stop();
  return waits;
}

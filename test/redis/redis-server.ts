import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { freePort } from "../free-port.ts";

/** A real Redis on a free port of this machine, with nothing in it, that can die and come back. */
export class RedisServer implements AsyncDisposable {
  readonly port: number;
  readonly url: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "tidings-redis-"));
  readonly #args: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(port: number, args: readonly string[]) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    this.#args = args;
  }

  /** Starts one; `args` are options of `redis-server`, as `["--requirepass", "secret"]`. */
  static async start(args: readonly string[] = [], port?: number): Promise<RedisServer> {
    const server = new RedisServer(port ?? (await freePort()), args);
    await server.start();
    return server;
  }

  /** Starts it again, on the same port, empty. */
  async start(): Promise<void> {
    const own = ["--port", String(this.port), "--bind", "127.0.0.1", "--dir", this.#folder];
    const volatile = ["--save", "", "--appendonly", "no"];
    this.#process = spawn("redis-server", [...own, ...volatile, ...this.#args], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    await untilListening(this.port, this.#process);
  }

  /** Kills it at once. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }

  /** Sends it a signal, as SIGSTOP to let it hang. */
  signal(name: NodeJS.Signals): void {
    this.#process?.kill(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function untilListening(port: number, child: ChildProcess): Promise<void> {
  const limit = Date.now() + 30_000;
  while (!(await canConnect(port))) {
    if (child.exitCode !== null) throw new Error(`redis-server exited with ${child.exitCode}`);
    if (Date.now() > limit) throw new Error("redis-server does not listen after 30 s");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function canConnect(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  const isOpen = await promise;
  socket.destroy();
  return isOpen;
}

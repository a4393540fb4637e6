import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { openRedis } from "../../src/redis/index.ts";
import { freePort } from "../free-port.ts";
import { eventually } from "./eventually.ts";
import { RedisServer } from "./redis-server.ts";

/** A real master with a replica, and a sentinel that makes the one into the other after two seconds of silence. */
export class RedisSentinel implements AsyncDisposable {
  readonly master: RedisServer;
  readonly replica: RedisServer;
  readonly url: string;
  readonly #sentinel: ChildProcess;
  readonly #folder: string;

  private constructor([master, replica]: readonly [RedisServer, RedisServer], port: number) {
    this.master = master;
    this.replica = replica;
    this.url = `redis+sentinel://127.0.0.1:${port}/0?master=main`;
    this.#folder = mkdtempSync(join(tmpdir(), "tidings-sentinel-"));
    const file = join(this.#folder, "sentinel.conf");
    const lines = [
      `port ${port}`,
      "bind 127.0.0.1",
      `dir ${this.#folder}`,
      `sentinel monitor main 127.0.0.1 ${master.port} 1`,
      "sentinel down-after-milliseconds main 2000",
      "sentinel failover-timeout main 4000",
    ];
    writeFileSync(file, `${lines.join("\n")}\n`);
    this.#sentinel = spawn("redis-server", [file, "--sentinel"], { stdio: "ignore" });
  }

  static async start(): Promise<RedisSentinel> {
    const master = await RedisServer.start();
    const replica = await RedisServer.start(["--replicaof", "127.0.0.1", String(master.port)]);
    const port = await freePort();
    const sentinel = new RedisSentinel([master, replica], port);
    const ask = openRedis(`redis://127.0.0.1:${port}`);
    await eventually(async () => {
      const reply = await ask.command(["SENTINEL", "REPLICAS", "main"]).catch(() => []);
      return JSON.stringify(toText(reply)).includes(`127.0.0.1:${replica.port}`);
    });
    await ask.close();
    return sentinel;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#sentinel, "exit");
    this.#sentinel.kill("SIGKILL");
    await exited;
    rmSync(this.#folder, { recursive: true, force: true });
    await this.master[Symbol.asyncDispose]();
    await this.replica[Symbol.asyncDispose]();
  }
}

function toText(reply: unknown): unknown {
  if (Array.isArray(reply)) return reply.map(toText);
  return reply instanceof Uint8Array ? Buffer.from(reply).toString() : reply;
}

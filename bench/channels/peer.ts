import type { ChildProcess } from "node:child_process";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { freePort } from "../../test/free-port.ts";
import { cpuTimeMs } from "../cpu-time.ts";
import { nextMessage, SERVER_CORE, startModule, startPinned, stopProcess } from "./process.ts";
import type { WireName } from "./wire.ts";

export type PeerName = "tidings" | "ws" | "socket.io" | "channels";

/** Debian's Python has Channels; another one on the path may not. */
const PYTHON = "/usr/bin/python3";
const START_TIMEOUT_MS = 20_000;

/** One of the servers under load, in a process of its own. */
export class Peer implements AsyncDisposable {
  readonly name: PeerName;
  readonly port: number;
  readonly #process: ChildProcess;

  private constructor(name: PeerName, process: ChildProcess, port: number) {
    this.name = name;
    this.#process = process;
    this.port = port;
  }

  static async start(name: PeerName, redisUrl?: string, flags?: readonly string[]): Promise<Peer> {
    if (name === "channels") return await Peer.#startChannels(redisUrl);
    const args = [name, ...(redisUrl ? [redisUrl] : [])];
    const child = startModule("server.ts", SERVER_CORE, { args, flags });
    return new Peer(name, child, Number(await nextMessage(child)));
  }

  static async #startChannels(redisUrl = ""): Promise<Peer> {
    const port = await freePort();
    const daphne = ["-m", "daphne", "-v", "0", "-b", "127.0.0.1", "-p", String(port)];
    const silent = ["--ping-interval", "3600", "--websocket_timeout", "-1"];
    const child = startPinned(
      SERVER_CORE,
      [PYTHON, "-B", ...daphne, ...silent, "channels_peer:application"],
      {
        cwd: fileURLToPath(new URL("applications", import.meta.url)),
        env: { ...process.env, BENCH_REDIS_URL: redisUrl },
        stdio: ["ignore", "inherit", "inherit"],
      },
    );
    const limit = Date.now() + START_TIMEOUT_MS;
    while (!(await isListening(port))) {
      if (child.exitCode !== null || Date.now() > limit) throw new Error("daphne does not start");
      await delay(50);
    }
    return new Peer("channels", child, port);
  }

  get wire(): WireName {
    return this.name === "socket.io" ? "socket.io" : "plain";
  }

  /** Bytes resident after a collection. */
  async measureMemory(): Promise<NodeJS.MemoryUsage> {
    this.#process.send("memory");
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what server.ts answers
    return (await nextMessage(this.#process)) as NodeJS.MemoryUsage;
  }

  /** Milliseconds of processor time so far. */
  get cpuMs(): number {
    return cpuTimeMs(this.#process.pid);
  }

  /** Waits until it has done what there was to do, which must not burden whoever is measured next. */
  async rest(): Promise<void> {
    for (let before = -Infinity; this.cpuMs - before > 1;) {
      before = this.cpuMs;
      await delay(50);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stopProcess(this.#process);
  }
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  const isOpen = await promise;
  socket.destroy();
  return isOpen;
}

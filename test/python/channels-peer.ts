import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** Debian's own Python, which has Channels; the `python3` on PATH may be another. */
export const PYTHON = "/usr/bin/python3";

/** A layer of channels_redis in a Python process of its own. */
export class ChannelsPeer implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #ready = Promise.withResolvers<void>();
  /** What its workers have received. */
  readonly worked: unknown[] = [];
  #nextId = 0;

  private constructor(child: ChildProcess) {
    this.#process = child;
    if (!child.stdout) throw new Error("no output");
    createInterface({ input: child.stdout }).on("line", (line) => this.#read(JSON.parse(line)));
    child.once("exit", (code) => {
      const error = new Error(`the Python process exited with ${code}`);
      this.#ready.reject(error);
      for (const { reject } of this.#waiting.values()) reject(error);
    });
  }

  /** Starts one; the configuration is what stands in `CONFIG` of `CHANNEL_LAYERS`. */
  static async start(layer: "core" | "pubsub", config: object): Promise<ChannelsPeer> {
    const script = fileURLToPath(new URL("channels_peer.py", import.meta.url));
    const child = spawn(PYTHON, [script, layer, JSON.stringify(config)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const peer = new ChannelsPeer(child);
    await peer.#ready.promise;
    return peer;
  }

  /** Calls a method of the layer, or `work`. */
  async call(op: string, ...args: readonly unknown[]): Promise<unknown> {
    const id = this.#nextId++;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    this.#process.stdin?.write(`${JSON.stringify({ id, op, args: args.map(toPython) })}\n`);
    return await waiting.promise;
  }

  async newChannel(): Promise<string> {
    return String(await this.call("new_channel"));
  }

  /** The process id, to stop it in the middle of its work. */
  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, "exit");
    for (const { promise } of this.#waiting.values()) promise.catch(() => undefined);
    this.#process.kill("SIGKILL");
    await exited;
  }

  #read(answer: {
    readonly id?: number;
    readonly result?: unknown;
    readonly error?: string;
    readonly worked?: unknown;
  }): void {
    if (answer.id === undefined) {
      if ("worked" in answer) this.worked.push(fromPython(answer.worked));
      else this.#ready.resolve();
      return;
    }
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (answer.error === undefined) waiting?.resolve(fromPython(answer.result));
    else waiting?.reject(new Error(answer.error));
  }
}

/** A number that Python shall have as a `float` although it is whole. */
export class PythonFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

function toPython(value: unknown): unknown {
  if (value instanceof PythonFloat) return { $float: String(value.value) };
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString("hex") };
  if (typeof value === "bigint") return { $int: String(value) };
  if (typeof value === "number" && !Number.isInteger(value)) return { $float: String(value) };
  if (value instanceof Map) return { $map: [...value].map(([key, item]) => [key, toPython(item)]) };
  if (Array.isArray(value)) return value.map(toPython);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toPython(item)]));
}

function fromPython(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(fromPython);
  if ("$bytes" in value) return Uint8Array.from(Buffer.from(String(value.$bytes), "hex"));
  if ("$int" in value) return BigInt(String(value.$int));
  if ("$float" in value) return fromPythonFloat(String(value.$float));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fromPython(item)]));
}

function fromPythonFloat(text: string): number {
  return Number(text.replace("inf", "Infinity"));
}

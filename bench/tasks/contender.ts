import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";

import { cpuTimeMs } from "../cpu-time.ts";
import type { Order } from "./orders.ts";

export type ContenderName = "tidings" | "bullmq" | "celery";

/** Debian's Python has Celery; another one on the path may not. */
const PYTHON = "/usr/bin/python3";

/** One process that sends tasks, or works on them. */
export class Contender implements AsyncDisposable {
  readonly name: ContenderName;
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #answers: AsyncIterator<string>;

  /** `urls` are where the queue is, and where results are, if that is elsewhere. */
  constructor(name: ContenderName, urls: readonly string[]) {
    this.name = name;
    const [file = "", ...args] = commandOf(name);
    this.#child = spawn(file, [...args, ...urls], {
      stdio: ["pipe", "pipe", "inherit"],
      // A group of its own: Celery's pool ends with it.
      detached: true,
    });
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** Has an order carried out, and returns the answer. */
  async ask(order: Order): Promise<unknown> {
    this.#child.stdin.write(`${JSON.stringify(order)}\n`);
    const answer = await this.#answers.next();
    if (answer.done === true) throw new Error(`${this.name} ended before it answered`);
    return JSON.parse(answer.value);
  }

  /** Milliseconds of processor time so far. */
  get cpuMs(): number {
    return cpuTimeMs(this.#child.pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    const exited = once(this.#child, "exit");
    process.kill(-pid, "SIGKILL");
    await exited;
  }
}

function commandOf(name: ContenderName): readonly string[] {
  const file = name === "celery" ? "celery_contender.py" : `${name}.ts`;
  const path = fileURLToPath(new URL(`contenders/${file}`, import.meta.url));
  if (name === "celery") return [PYTHON, "-B", "-W", "ignore", path];
  return [process.execPath, "--expose-gc", ...process.execArgv, path];
}

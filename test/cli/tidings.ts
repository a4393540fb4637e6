import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
/** Longer than any command of the tests needs, shorter than a test may take: what hangs fails, and says how far it came. */
const LIMIT_MS = 75_000;

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

/** A command that runs. */
export class Tidings implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  #output = "";
  #isOver = false;
  #onOutput = (): void => {};

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}, cwd?: string) {
    this.child = spawn(process.execPath, ["--conditions=tidings-source", MAIN, ...args], {
      env: { ...process.env, FORCE_COLOR: undefined, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      cwd,
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#output += text;
        this.#onOutput();
      });
    }
    const timer = setTimeout(() => this.child.kill("SIGKILL"), LIMIT_MS);
    this.ended = once(this.child, "close").then(([code, signal]) => {
      clearTimeout(timer);
      this.#isOver = true;
      this.#onOutput();
      return { code, signal, output: this.#output };
    });
  }

  get output(): string {
    return this.#output;
  }

  /** Waits until the output matches; throws when the command ends before. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#output);
      if (match) return match;
      if (this.#isOver) throw new Error(`ended without ${pattern}:\n${this.#output}`);
      await new Promise<void>((resolve) => (this.#onOutput = resolve));
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL");
    await this.ended;
  }
}

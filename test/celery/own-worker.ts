import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** Where messages and results are. */
export interface TaskPlace {
  readonly broker: string;
  readonly results: string;
}

/** A worker of ours in a process of its own, with the tasks of `worker-main.ts`. */
export class OwnWorker implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = once(child, "exit");
  }

  /** Starts one; resolves when it works. It kills itself in the middle of its run number `diesAfter`, or soon after. */
  static async start({ broker, results }: TaskPlace, diesAfter = 0): Promise<OwnWorker> {
    const main = fileURLToPath(new URL("worker-main.ts", import.meta.url));
    const args = ["--conditions=tidings-source", main, broker, results, String(diesAfter)];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    const worker = new OwnWorker(child);
    await once(child.stdout, "data");
    return worker;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Resolves when it has died. */
  async ended(): Promise<void> {
    await this.#ended;
  }

  /** Kills it at once. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

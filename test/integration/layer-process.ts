import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";

import type { OutgoingMessage, SharedMemoryHub } from "tidings/layers";

const MAIN = fileURLToPath(new URL("layer-process-main.ts", import.meta.url));

/** A process that shares the memory of a hub, and does with its layer what it is told. */
export class LayerProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>();
  #lastId = 0;

  constructor(hub: SharedMemoryHub) {
    this.#child = fork(MAIN, {
      execArgv: ["--conditions=tidings-source"],
      stdio: ["ignore", "inherit", "inherit", "ipc", "pipe"],
      serialization: "advanced",
    });
    const stream = this.#child.stdio[4];
    if (stream instanceof Duplex) hub.connect(stream);
    this.#child.on("message", (answer: { id: number; value?: unknown; error?: string }) => {
      if (answer.error === undefined) this.#pending.get(answer.id)?.resolve(answer.value);
      else this.#pending.get(answer.id)?.reject(new Error(answer.error));
    });
  }

  /** Runs a command of `layer-process-main.ts`; rejects with the code of its error. */
  async ask(name: string, args: readonly string[] = [], message?: OutgoingMessage) {
    const id = ++this.#lastId;
    const answer = Promise.withResolvers<unknown>();
    this.#pending.set(id, answer);
    this.#child.send({ id, name, args, message });
    return await answer.promise;
  }

  /** The messages that its members have heard. */
  async heard(): Promise<readonly { readonly n: number }[]> {
    const heard = await this.ask("heard");
    return Array.isArray(heard) ? heard : [];
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "close");
    this.#child.kill("SIGKILL");
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

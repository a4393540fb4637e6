import { extname } from "node:path";
import { memoryUsage } from "node:process";
import { parentPort, Worker, type MessagePort } from "node:worker_threads";

import { isToChild, toEnvelope, type FromChild, type ToChild } from "./child-messages.ts";

/** The pool, as its thread or process sees it. */
export abstract class ChildPort {
  /** The end of this thread or process that its pool holds the other one of. */
  static open(): ChildPort {
    return parentPort ? new ThreadPort(parentPort) : new ProcessPort();
  }

  /** What this thread or process holds, in bytes. */
  abstract readonly memoryBytes: number;
  abstract post(message: FromChild): void;
  /** Calls the listener with what the pool says; until then it waits. */
  abstract listen(listener: (message: ToChild) => void): void;
  /** Ends this thread or process when what was posted is on its way. */
  abstract end(): void;
}

class ThreadPort extends ChildPort {
  readonly #port: MessagePort;

  constructor(port: MessagePort) {
    super();
    this.#port = port;
  }

  /** The heap of this thread, and what it has outside of it: the rest is the process's. */
  get memoryBytes(): number {
    const { heapTotal, external } = memoryUsage();
    return heapTotal + external;
  }

  post(message: FromChild): void {
    this.#port.postMessage(toEnvelope(message));
  }

  listen(listener: (message: ToChild) => void): void {
    this.#port.on("message", (message) => {
      if (isToChild(message)) listener(message);
    });
  }

  end(): void {
    process.exit();
  }
}

class ProcessPort extends ChildPort {
  constructor() {
    super();
    process.on("disconnect", () => process.exit(1));
    // Whoever stops a whole group of processes means the pool, which lets us finish.
    for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => {});
    watchParent();
  }

  get memoryBytes(): number {
    return memoryUsage.rss();
  }

  post(message: FromChild): void {
    if (process.connected) process.send?.(toEnvelope(message), undefined, undefined, () => {});
  }

  listen(listener: (message: ToChild) => void): void {
    process.on("message", (message) => {
      if (isToChild(message)) listener(message);
    });
  }

  end(): void {
    // What was posted before has been sent when this has.
    process.send?.({}, undefined, undefined, () => process.exit());
  }
}

/** A function that never waits does not hear that the pool has died: a thread beside it does. */
function watchParent(): void {
  const program = new URL(`./watch-parent${extname(import.meta.url)}`, import.meta.url);
  new Worker(program, { argv: [String(process.ppid)], execArgv: [], env: {} }).unref();
}

import { spawn, type ChildProcess } from "node:child_process";

import { backoffMs } from "../core/backoff.ts";
import type { Logger } from "../core/logger.ts";
import type { StopOptions } from "../core/service.ts";

/** A process to keep running. */
export interface ProcessSpec {
  readonly name: string;
  /** Starts a child, with a channel that tells it when we are gone. */
  readonly launch: () => ChildProcess;
  /** Whether a child says by this message that it works: from then on it is well. @default from its launch */
  readonly isReady?: ((message: unknown) => boolean) | undefined;
}

/** What a supervised process reports to. */
export interface SupervisedProcessOptions {
  readonly logger: Logger;
  /** Called when it ended by itself, for good. */
  readonly onFailure: () => void;
  /** Whether one that ended by itself is given up. @default if it had not been well */
  readonly isFinal?: ((wellMs: number) => boolean) | undefined;
}

/** Starts a script of ours: Node's arguments behind its own options. */
export function spawnNode(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [...process.execArgv, ...args], {
    // The channel carries nothing: it is how a process learns that we are gone.
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    // Ctrl+C in a terminal reaches a whole process group: ours alone decides when children stop.
    detached: true,
  });
}

/** A process that worked this long was well: the next restart is at once again. */
const HEALTHY_MS = 5_000;
const MAX_RESTART_MS = 10_000;

function hadNotBeenWell(wellMs: number): boolean {
  return wellMs < HEALTHY_MS;
}

/** How a process ended: the signal that killed it, or its exit code. */
type Ending = NodeJS.Signals | number;

/** A child, and the promise of its end, which everyone who waits for it shares. */
interface Child {
  readonly process: ChildProcess;
  readonly ended: Promise<Ending>;
}

type State =
  | { readonly name: "idle" | "failed" | "stopped" }
  | { readonly name: "waiting"; readonly timer: NodeJS.Timeout }
  | { readonly name: "running" | "restarting" | "stopping"; readonly child: Child };

/**
 * One process, of which at most one child is alive at any time.
 *
 * | state | what is true | what leaves it |
 * | --- | --- | --- |
 * | idle | no child yet | `start`; `stop` |
 * | running | a child is alive | its death → waiting or failed; `restart`; `stop` |
 * | waiting | no child; a timer starts the next one | the timer, `restart` → running; `stop` |
 * | failed | no child; the last one could not start | `restart` → running; `stop` |
 * | restarting | the child was asked to stop | its end → running, with a new child; `stop` |
 * | stopping | the child was asked to stop | its end → stopped |
 * | stopped | no child, for good | |
 *
 * A child is asked to stop once, since a second signal would end it at once. While it is restarting,
 * further calls of `restart` wait for the same end: the new child reads the code after all of them.
 */
export class SupervisedProcess {
  readonly #spec: ProcessSpec;
  readonly #options: SupervisedProcessOptions;
  #state: State = { name: "idle" };
  #failures = 0;

  constructor(spec: ProcessSpec, options: SupervisedProcessOptions) {
    this.#spec = spec;
    this.#options = options;
  }

  start(): void {
    if (this.#state.name === "idle") this.#launch();
  }

  /** Replaces the child, when it has ended, by a new one; kills it when the signal fires. */
  async restart({ signal }: StopOptions): Promise<void> {
    this.#failures = 0;
    switch (this.#state.name) {
      case "waiting":
      case "failed":
        return this.#launch();
      case "running":
        this.#enter({ name: "restarting", child: this.#state.child });
        return await askToStop(this.#state.child, signal);
      case "restarting":
      case "stopping":
        return await untilEnded(this.#state.child, signal);
      case "idle":
      case "stopped":
    }
  }

  /** Ends the child for good; kills it when the signal fires. */
  async stop({ signal }: StopOptions): Promise<void> {
    switch (this.#state.name) {
      case "running":
        this.#enter({ name: "stopping", child: this.#state.child });
        return await askToStop(this.#state.child, signal);
      case "restarting":
        this.#enter({ name: "stopping", child: this.#state.child });
        return await untilEnded(this.#state.child, signal);
      case "stopping":
        return await untilEnded(this.#state.child, signal);
      case "idle":
      case "waiting":
      case "failed":
        this.#enter({ name: "stopped" });
        break;
      case "stopped":
    }
  }

  #enter(state: State): void {
    if (this.#state.name === "waiting") clearTimeout(this.#state.timer);
    this.#state = state;
    const { name } = this.#spec;
    this.#options.logger.debug({ process: name, state: state.name }, "process state");
  }

  #launch(): void {
    const { name, launch, isReady } = this.#spec;
    const { logger } = this.#options;
    const child = launch();
    // However long a start takes: what has not worked was not well.
    let wellSince = isReady ? Infinity : performance.now();
    child.on("message", (message) => {
      if (isReady?.(message)) wellSince = performance.now();
    });
    const { promise: ended, resolve } = Promise.withResolvers<Ending>();
    child.once("exit", (code, signal) => resolve(signal ?? code ?? 1));
    child.on("error", (error) => {
      logger.error({ err: error, process: name }, `${name} process failed`);
      if (child.pid === undefined) resolve(1); // without a process there is no exit
    });
    this.#enter({ name: "running", child: { process: child, ended } });
    void ended.then((ending) => this.#onEnd(ending, performance.now() - wellSince));
    logger.info({ process: name, childPid: child.pid }, `${name} process started`);
  }

  #onEnd(ending: Ending, wellMs: number): void {
    switch (this.#state.name) {
      case "running":
        return this.#onDeath(ending, wellMs);
      case "restarting":
        return this.#launch();
      case "stopping":
        return this.#enter({ name: "stopped" });
      case "idle":
      case "waiting":
      case "failed":
      case "stopped": // these have no child that could end
    }
  }

  #onDeath(reason: Ending, wellMs: number): void {
    const { logger, onFailure, isFinal = hadNotBeenWell } = this.#options;
    if (typeof reason === "number" && isFinal(wellMs)) {
      this.#enter({ name: "failed" });
      return onFailure();
    }
    this.#failures = hadNotBeenWell(wellMs) ? this.#failures + 1 : 0;
    const failures = this.#failures;
    const waitMs =
      failures === 0
        ? 0
        : backoffMs(failures, { baseMs: 250, maxMs: MAX_RESTART_MS, jitter: false });
    logger.warn({ reason, failures, waitMs }, `${this.#spec.name} process died, starting it again`);
    this.#enter({ name: "waiting", timer: setTimeout(() => this.#launch(), waitMs) });
  }
}

async function askToStop(child: Child, signal: AbortSignal | undefined): Promise<void> {
  child.process.kill("SIGTERM");
  await untilEnded(child, signal);
}

async function untilEnded(
  { process: child, ended }: Child,
  signal: AbortSignal | undefined,
): Promise<void> {
  const kill = (): void => void child.kill("SIGKILL");
  if (signal?.aborted) kill();
  signal?.addEventListener("abort", kill, { once: true });
  await ended;
  signal?.removeEventListener("abort", kill);
}

import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

import { backoffMs } from "../core/backoff.ts";
import type { Logger } from "../core/logger.ts";
import type { StopOptions } from "../core/service.ts";

/** A process to keep running: one of our own commands. */
export interface ProcessSpec {
  readonly name: string;
  readonly args: readonly string[];
}

/** A process that lived this long was well: the next restart is at once again. */
const HEALTHY_MS = 5_000;
const MAX_RESTART_MS = 10_000;

/**
 * Keeps processes running until it is stopped.
 *
 * A process that is killed is started again: at once if it had been well, else after a growing wait
 * of at most 10 s. One that ends by itself soon after its start cannot start at all: it has said why,
 * and trying again would not help until the code changes. Output goes to our own.
 */
export class Supervisor {
  readonly #processes: readonly SupervisedProcess[];
  readonly #logger: Logger;
  readonly #failed = Promise.withResolvers<void>();
  #hasRestarted = false;

  constructor(specs: readonly ProcessSpec[], logger: Logger) {
    this.#logger = logger;
    this.#processes = specs.map(
      (spec) => new SupervisedProcess(spec, { logger, onFailure: () => this.#onFailure(spec) }),
    );
  }

  /** Resolves when a process cannot start at the very first time. */
  get failed(): Promise<void> {
    return this.#failed.promise;
  }

  start(): void {
    for (const process of this.#processes) process.start();
  }

  /** Stops every process politely and starts it anew. */
  async restart(): Promise<void> {
    this.#hasRestarted = true;
    await Promise.all(this.#processes.map((process) => process.restart()));
  }

  async stop(options: StopOptions = {}): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.stop(options)));
  }

  #onFailure({ name }: ProcessSpec): void {
    if (!this.#hasRestarted) return this.#failed.resolve();
    this.#logger.error({}, `${name} process could not start, waiting for a change`);
  }
}

interface SupervisedProcessOptions {
  readonly logger: Logger;
  /** Called when it ended by itself before it had been well. */
  readonly onFailure: () => void;
}

class SupervisedProcess {
  readonly #spec: ProcessSpec;
  readonly #options: SupervisedProcessOptions;
  #child: ChildProcess | undefined;
  #restart: NodeJS.Timeout | undefined;
  #failures = 0;
  #isStopped = false;

  constructor(spec: ProcessSpec, options: SupervisedProcessOptions) {
    this.#spec = spec;
    this.#options = options;
  }

  start(): void {
    if (this.#isStopped) return;
    clearTimeout(this.#restart);
    const { name, args } = this.#spec;
    const startedAt = performance.now();
    const main = fileURLToPath(
      new URL(`main${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url),
    );
    const child = spawn(process.execPath, [...process.execArgv, main, ...args], {
      // The channel carries nothing: it is how a process learns that we are gone.
      stdio: ["inherit", "inherit", "inherit", "ipc"],
      // Ctrl+C in a terminal reaches a whole process group: ours alone decides when children stop.
      detached: true,
    });
    this.#child = child;
    this.#options.logger.info({ process: name, childPid: child.pid }, `${name} process started`);
    child.once("error", (error) => {
      this.#options.logger.error({ err: error, process: name }, "cannot start");
    });
    child.once("exit", (code, signal) => {
      if (this.#child !== child) return;
      this.#child = undefined;
      this.#onDeath(performance.now() - startedAt, signal ?? code);
    });
  }

  async restart(): Promise<void> {
    this.#failures = 0;
    await this.#end();
    this.start();
  }

  async stop({ signal }: StopOptions): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#restart);
    await this.#end(signal);
  }

  #onDeath(livedMs: number, reason: NodeJS.Signals | number | null): void {
    if (this.#isStopped) return;
    const { logger, onFailure } = this.#options;
    if (livedMs < HEALTHY_MS && typeof reason === "number") return onFailure();
    this.#failures = livedMs >= HEALTHY_MS ? 0 : this.#failures + 1;
    const waitMs =
      this.#failures === 0
        ? 0
        : backoffMs(this.#failures, { baseMs: 250, maxMs: MAX_RESTART_MS, jitter: false });
    logger.warn({ reason, waitMs }, `${this.#spec.name} process died, starting it again`);
    this.#restart = setTimeout(() => this.start(), waitMs);
  }

  /** Asks the child to stop, and kills it when the signal fires. */
  async #end(signal?: AbortSignal): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    const kill = (): void => void child.kill("SIGKILL");
    if (signal?.aborted) kill();
    signal?.addEventListener("abort", kill, { once: true });
    child.kill("SIGTERM");
    await exited;
    signal?.removeEventListener("abort", kill);
  }
}

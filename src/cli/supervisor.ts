import type { Logger } from "../core/logger.ts";
import type { StopOptions } from "../core/service.ts";
import {
  SupervisedProcess,
  type ProcessSpec,
  type SupervisedProcessOptions,
} from "./supervised-process.ts";

/**
 * Keeps processes running until it is stopped.
 *
 * A process that is killed is started again: at once if it had been well, else after a growing wait
 * of at most 10 s. One that ends by itself soon after its start cannot start at all: it has said why,
 * and trying again would not help until the code changes. `isFinal` draws that line elsewhere. Output
 * goes to our own.
 */
export class Supervisor {
  readonly #processes: readonly SupervisedProcess[];
  readonly #logger: Logger;
  readonly #failed = Promise.withResolvers<void>();
  #hasRestarted = false;

  constructor(
    specs: readonly ProcessSpec[],
    logger: Logger,
    isFinal?: SupervisedProcessOptions["isFinal"],
  ) {
    this.#logger = logger;
    this.#processes = specs.map(
      (spec) =>
        new SupervisedProcess(spec, { logger, onFailure: () => this.#onFailure(spec), isFinal }),
    );
  }

  /** Resolves when a process cannot start at the very first time. */
  get failed(): Promise<void> {
    return this.#failed.promise;
  }

  start(): void {
    for (const process of this.#processes) process.start();
  }

  /** Stops every process politely and starts it anew; kills those that live when the signal fires. */
  async restart(options: StopOptions = {}): Promise<void> {
    this.#hasRestarted = true;
    await Promise.all(this.#processes.map((process) => process.restart(options)));
  }

  /** Stops every process politely, for good; kills those that live when the signal fires. */
  async stop(options: StopOptions = {}): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.stop(options)));
  }

  #onFailure({ name }: ProcessSpec): void {
    if (!this.#hasRestarted) return this.#failed.resolve();
    this.#logger.error({}, `${name} process could not start, waiting for a change`);
  }
}

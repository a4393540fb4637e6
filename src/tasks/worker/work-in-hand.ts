import { toError } from "../../core/errors.ts";
import { Roster } from "../../core/roster.ts";
import type { Delivery } from "../brokers/broker.ts";
import { execute, finish, type Execution, type ExecutionContext } from "./execution.ts";
import { Interruption } from "./interruption.ts";
import { reportOutcome } from "./report-outcome.ts";

/** What a worker holds of a delivery that runs. */
export interface RunningTask {
  readonly delivery: Delivery;
  readonly startedAt: number;
  readonly interruption: Interruption;
  /** Resolves when its outcome is stored, or cannot be. */
  ended: Promise<void>;
}

const NOTHING = Promise.resolve();

/** How to make {@link WorkInHand}. */
export interface WorkInHandOptions {
  readonly context: ExecutionContext;
  /** How many messages are taken for each task that may run. */
  readonly prefetchMultiplier: number;
  /** A function has ended: there may be room for another one. */
  readonly onRoom: () => void;
  /** A delivery has ended, and its outcome is stored. */
  readonly onEnd: (execution: Execution | null) => void;
}

/**
 * The deliveries that a worker holds: those that run, and those that were taken ahead and wait for it.
 *
 * While an outcome is stored the next task runs: a worker with nothing but short ones would else wait
 * for its broker half of the time. Bound: what the pool can run, times `prefetchMultiplier`, and once more
 * for those whose outcomes are being stored.
 */
export class WorkInHand {
  readonly #options: WorkInHandOptions;
  readonly #running = new Roster<RunningTask>();
  readonly #waiting = new Set<Delivery>();
  /** How many of those that run have ended but for the storing of their outcomes. */
  #settling = 0;
  #isClosed = false;

  constructor(options: WorkInHandOptions) {
    this.#options = options;
  }

  get running(): readonly RunningTask[] {
    return [...this.#running];
  }

  /** What it has taken, and not begun yet. */
  get waiting(): readonly Delivery[] {
    return [...this.#waiting];
  }

  /** How many deliveries it has. */
  get size(): number {
    return this.#running.size + this.#waiting.size;
  }

  /** All deliveries whose leases are to be kept. */
  get deliveries(): readonly Delivery[] {
    return [...this.running.map(({ delivery }) => delivery), ...this.#waiting];
  }

  /** How many more may be taken. */
  get room(): number {
    const { context, prefetchMultiplier } = this.#options;
    return context.pool.capacity * prefetchMultiplier - this.#occupied - this.#waiting.size;
  }

  /** Runs a delivery, now or when others have ended. */
  add(delivery: Delivery): void {
    if (this.#occupied < this.#options.context.pool.capacity) this.#launch(delivery);
    else this.#waiting.add(delivery);
  }

  /** Runs what waits, as far as the pool can. */
  launchWaiting(): void {
    if (this.#isClosed) return;
    for (const delivery of this.#waiting) {
      if (this.#occupied >= this.#options.context.pool.capacity) return;
      this.#waiting.delete(delivery);
      this.#launch(delivery);
    }
  }

  /** Another worker has it. */
  lose(delivery: Delivery): void {
    this.#waiting.delete(delivery);
    for (const task of this.#running) {
      if (task.delivery === delivery) task.interruption.interrupt("lease-lost");
    }
  }

  /** Interrupts what runs, and gives back what waits: whoever takes it again sees that it is cancelled. */
  async cancel(ids: ReadonlySet<string>): Promise<void> {
    for (const { delivery, interruption } of this.#running) {
      if (ids.has(delivery.id)) interruption.interrupt("cancelled");
    }
    await this.#putBack([...this.#waiting].filter(({ id }) => ids.has(id)));
  }

  /** Has everything that runs end soon, to run again elsewhere. */
  interrupt(graceMs?: number): void {
    for (const { interruption } of this.#running) interruption.interrupt("stopping", graceMs);
  }

  /** Begins nothing more: gives back what waits, and resolves when nothing runs any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#putBack([...this.#waiting]);
    await Promise.all(this.running.map(({ ended }) => ended));
  }

  /** The places that are taken: when outcomes cannot be stored, they come to hold them too. */
  get #occupied(): number {
    return this.#running.size - Math.min(this.#settling, this.#options.context.pool.capacity);
  }

  async #putBack(deliveries: readonly Delivery[]): Promise<void> {
    const { broker, logger } = this.#options.context.runtime;
    for (const delivery of deliveries) this.#waiting.delete(delivery);
    try {
      await Promise.all(deliveries.map((delivery) => broker.putBack(delivery)));
    } catch (error) {
      logger.warn({ err: error }, "messages could not be given back; their leases run out");
    }
  }

  #launch(delivery: Delivery): void {
    const interruption = new Interruption();
    const task: RunningTask = { delivery, startedAt: Date.now(), interruption, ended: NOTHING };
    task.ended = this.#run(task, this.#running.add(task));
  }

  /** The one place where the end of a task is reported. Never rejects. */
  async #run({ delivery, interruption }: RunningTask, place: number): Promise<void> {
    const { context, onEnd } = this.#options;
    const { logger } = context.runtime;
    let execution: Execution | null = null;
    try {
      const ended = await execute(context, delivery, interruption);
      execution = await this.#finish(ended);
      reportOutcome(execution, logger);
    } catch (error) {
      const fields = { err: toError(error), id: delivery.id };
      logger.error(fields, "the outcome of a task could not be stored; it runs again");
    } finally {
      interruption.close();
      this.#running.remove(place);
      this.launchWaiting();
      onEnd(execution);
    }
  }

  async #finish(ended: Execution): Promise<Execution> {
    this.#settling++;
    try {
      this.launchWaiting();
      this.#options.onRoom();
      return await finish(ended);
    } finally {
      this.#settling--;
    }
  }
}

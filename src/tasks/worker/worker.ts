import { hostname } from "node:os";

import { toError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import { assertPositiveInteger } from "../../core/options.ts";
import type { Service, ServiceState, StopOptions } from "../../core/service.ts";
import type { Delivery } from "../brokers/broker.ts";
import { cancelTask } from "../cancel-task.ts";
import type { ControlledWorker } from "../control/commands.ts";
import { ControlNode } from "../control/control-node.ts";
import { EXPIRE_LIMIT } from "../results/result-store.ts";
import type { TaskRuntime } from "../task-runtime.ts";
import { assertName } from "../task.ts";
import { execute, type Execution, type ExecutionContext } from "./execution.ts";
import { Fetch, type FetchHealth } from "./fetch.ts";
import { Interruption } from "./interruption.ts";
import { Leases } from "./leases.ts";
import { openPool, type PoolOptions } from "./pools/open-pool.ts";
import { isPoolChild } from "./pools/pool-child.ts";
import type { PoolKind, TaskPool } from "./pools/pool.ts";
import { reportOutcome } from "./report-outcome.ts";
import { createSettle } from "./settle.ts";
import { assertTimeLimits, type TimeLimitOptions } from "./time-limits.ts";

/** How a worker works. */
export interface WorkerOptions extends TimeLimitOptions {
  /** How many tasks run at the same time. @default 10; as many as there are cores in threads and processes */
  readonly concurrency?: number | undefined;
  /** Where they run. @default "async" */
  readonly pool?: PoolOptions | undefined;
  /** The queues it takes from. @default the default queue and those of the registered tasks */
  readonly queues?: readonly string[] | undefined;
  /** Its name in records and logs. @default worker@<host> */
  readonly name?: string | undefined;
  /** @default the logger of the tasks */
  readonly logger?: Logger | undefined;
  /** How soon another worker may run the tasks of this one when it dies. @default 10_000 */
  readonly leaseMs?: number | undefined;
  /** How often the worker of a task may die before the task is given up. @default 20 */
  readonly maxDeliveries?: number | undefined;
  /** How long `stop` lets running tasks go on when it is given no signal. @default 30_000 */
  readonly stopTimeoutMs?: number | undefined;
  /**
   * How long a take may stay without an answer, or find nothing although messages wait, before the worker
   * takes with new connections. @default 20_000
   */
  readonly deafAfterMs?: number | undefined;
  /** Called when somebody asks it to shut down, as Celery's control can. @default stops it */
  readonly onShutdown?: (() => void) | undefined;
}

/** How a worker is. */
export interface WorkerHealth extends FetchHealth {
  readonly state: ServiceState;
  /** How many tasks run. */
  readonly running: number;
  readonly concurrency: number;
  /** How late the last check of every second came, because the event loop was busy. */
  readonly loopLagMs: number;
}

/** What a worker holds of a delivery that runs. */
interface RunningTask {
  readonly startedAt: number;
  readonly interruption: Interruption;
  readonly ended: Promise<void>;
}

/** Expired records are looked for this often; at every check while there are more than one removal takes. */
const EXPIRE_INTERVAL_MS = 60_000;

/**
 * Runs the tasks of its queues.
 *
 * | state | what is true | what leaves it |
 * | --- | --- | --- |
 * | idle | nothing runs | `start` |
 * | starting | the pool starts what runs tasks | it has, or cannot; `stop` |
 * | running | takes messages while fewer than `concurrency` run | `stop` |
 * | stopping | takes none; leases are kept, tasks end or are handed back | the last one has ended |
 * | stopped | nothing runs, for good | |
 *
 * A task that does not end within a second after the polite phase of `stop` is handed back while its
 * function goes on; nothing that it still says is recorded.
 */
export class Worker implements Service {
  readonly name: string;
  readonly #runtime: TaskRuntime;
  readonly #context: ExecutionContext;
  readonly #leases: Leases;
  readonly #pool: TaskPool;
  readonly #queues: readonly string[] | undefined;
  readonly #stopTimeoutMs: number;
  readonly #running = new Map<Delivery, RunningTask>();
  readonly #fetch: Fetch;
  readonly #closers: (() => void)[] = [];
  /** How often each task has run. */
  readonly #totals = new Map<string, number>();
  readonly #control: ControlNode;
  #state: ServiceState = "idle";
  #started: Promise<void> = Promise.resolve();
  #stopped: Promise<void> | undefined;
  #checkedAt = 0;
  #loopLagMs = 0;
  #expireAt = 0;
  #isChecking = false;

  constructor(
    runtime: TaskRuntime,
    {
      concurrency,
      pool = "async",
      queues,
      name = `worker@${hostname()}`,
      logger = runtime.logger,
      leaseMs = 10_000,
      maxDeliveries = 20,
      stopTimeoutMs = 30_000,
      deafAfterMs = 20_000,
      onShutdown = () => void this.stop(),
      ...timeLimits
    }: WorkerOptions = {},
  ) {
    for (const queue of queues ?? []) assertName("a queue of a worker", queue);
    this.#runtime = { ...runtime, logger };
    this.name = name;
    this.#pool = openPool(pool, { broker: runtime.broker, logger, concurrency });
    this.#queues = queues;
    assertPositiveInteger("leaseMs", leaseMs);
    this.#stopTimeoutMs = assertPositiveInteger("stopTimeoutMs", stopTimeoutMs);
    assertTimeLimits(timeLimits);
    this.#context = {
      runtime: this.#runtime,
      worker: { name, pid: process.pid },
      settle: createSettle(runtime.broker, runtime.results),
      pool: this.#pool,
      timeLimits,
      maxDeliveries: assertPositiveInteger("maxDeliveries", maxDeliveries),
    };
    this.#leases = new Leases(runtime.broker, {
      leaseMs,
      held: () => [...this.#running.keys()],
      onLost: (delivery) => this.#running.get(delivery)?.interruption.interrupt("lease-lost"),
    });
    this.#fetch = new Fetch({
      broker: runtime.broker,
      logger,
      leaseMs,
      deafAfterMs: assertPositiveInteger("deafAfterMs", deafAfterMs),
      checkMs: this.#leases.intervalMs,
      queues: () => this.queues,
      room: () => this.#pool.capacity - this.#running.size,
      launch: (delivery) => this.#launch(delivery),
    });
    this.#control = new ControlNode(this.#toControlled(onShutdown), logger);
  }

  get state(): ServiceState {
    return this.#state;
  }

  /** How many tasks it runs at the same time. */
  get concurrency(): number {
    return this.#pool.size;
  }

  /** Where they run. */
  get pool(): PoolKind {
    return this.#pool.kind;
  }

  /** How long tasks may run that do not say so themselves. */
  get timeLimits(): TimeLimitOptions {
    return this.#context.timeLimits;
  }

  /** The queues it takes from now. */
  get queues(): readonly string[] {
    if (this.#queues) return this.#queues;
    const { definitions, defaultQueue } = this.#runtime;
    const named = [...definitions.values()].map(({ options }) => options.queue ?? defaultQueue);
    return [...new Set([defaultQueue, ...named])];
  }

  /**
   * Starts taking tasks; in a thread or process of a pool it does nothing.
   *
   * @throws {TidingsError} APP_LOAD_FAILED when the threads or processes of its pool cannot start.
   */
  start(): Promise<void> {
    if (this.#state === "idle" && !isPoolChild()) this.#started = this.#start();
    return this.#started;
  }

  /** How it is. */
  health(): WorkerHealth {
    return {
      ...this.#fetch.health,
      state: this.#state,
      running: this.#running.size,
      concurrency: this.concurrency,
      loopLagMs: Math.round(this.#loopLagMs),
    };
  }

  /** Takes no more tasks, lets running ones end, and hands back those that do not. */
  stop(options: StopOptions = {}): Promise<void> {
    if (this.#state === "idle") return Promise.resolve();
    this.#stopped ??= this.#stop(options);
    return this.#stopped;
  }

  /** Stops at once: hands back what runs, without waiting for it. */
  async abort(): Promise<void> {
    const stopped = this.stop();
    for (const { interruption } of this.#running.values()) interruption.interrupt("stopping", 0);
    await stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** What remote control may know of it, and do. */
  #toControlled(shutDown: () => void): ControlledWorker {
    const { broker, definitions } = this.#runtime;
    return {
      name: this.name,
      broker,
      concurrency: () => this.concurrency,
      totals: this.#totals,
      startedAt: Date.now(),
      queues: () => this.queues,
      taskNames: () => [...definitions.keys()],
      running: () =>
        [...this.#running].map(([delivery, { startedAt }]) => ({ delivery, startedAt })),
      cancel: (id) => cancelTask(this.#runtime, id),
      shutDown,
    };
  }

  #enter(state: ServiceState): void {
    this.#state = state;
    this.#runtime.logger.debug({ worker: this.name, state }, "worker state");
  }

  async #start(): Promise<void> {
    this.#enter("starting");
    try {
      await this.#pool.start(() => this.#fetch.wake());
    } catch (error) {
      this.#enter("stopped");
      throw error;
    }
    if (this.#state !== "starting") return;
    this.#enter("running");
    this.#closers.push(this.#runtime.broker.onChange(() => this.#onChange()));
    const timer = setInterval(() => void this.#check(), this.#leases.intervalMs);
    this.#closers.push(() => clearInterval(timer));
    this.#closers.push(() => this.#control.close());
    void this.#control.listen();
    this.#checkedAt = performance.now();
    this.#fetch.start();
  }

  async #stop({ signal = AbortSignal.timeout(this.#stopTimeoutMs) }: StopOptions): Promise<void> {
    this.#enter("stopping");
    await this.#started.catch(() => {}); // whoever started it is told
    const cutOff = (): void => {
      for (const { interruption } of this.#running.values()) interruption.interrupt("stopping");
    };
    if (signal.aborted) cutOff();
    signal.addEventListener("abort", cutOff);
    await this.#fetch.stop();
    await Promise.all([...this.#running.values()].map(({ ended }) => ended));
    await this.#pool.stop();
    signal.removeEventListener("abort", cutOff);
    for (const close of this.#closers) close();
    this.#enter("stopped");
  }

  #launch(delivery: Delivery): void {
    const interruption = new Interruption();
    const ended = this.#run(delivery, interruption);
    this.#running.set(delivery, { startedAt: Date.now(), interruption, ended });
  }

  /** The one place where the end of a task is reported. Never rejects. */
  async #run(delivery: Delivery, interruption: Interruption): Promise<void> {
    try {
      const execution = await execute(this.#context, delivery, interruption);
      this.#count(execution);
      reportOutcome(execution, this.#runtime.logger);
    } catch (error) {
      const fields = { err: toError(error), id: delivery.id };
      this.#runtime.logger.error(
        fields,
        "the outcome of a task could not be stored; it runs again",
      );
    } finally {
      interruption.close();
      this.#running.delete(delivery);
      this.#fetch.wake();
    }
  }

  #count({ definition }: Execution): void {
    if (!definition) return;
    this.#totals.set(definition.name, (this.#totals.get(definition.name) ?? 0) + 1);
  }

  #onChange(): void {
    this.#fetch.wake();
    if (this.#running.size > 0) void this.#interruptCancelled();
  }

  /** What a worker does every second, whatever happens. */
  async #check(): Promise<void> {
    this.#measureLag();
    this.#fetch.check();
    void this.#control.listen();
    if (this.#isChecking) return;
    this.#isChecking = true;
    try {
      await this.#leases.check();
      await this.#expireRecords();
    } catch (error) {
      this.#runtime.logger.warn({ err: error }, "leases could not be checked");
    } finally {
      this.#isChecking = false;
    }
    this.#onChange();
  }

  /** How late the timer is: the event loop was busy with something else. */
  #measureLag(): void {
    const now = performance.now();
    this.#loopLagMs = Math.max(now - this.#checkedAt - this.#leases.intervalMs, 0);
    this.#checkedAt = now;
  }

  async #interruptCancelled(): Promise<void> {
    try {
      const cancelled = new Set(await this.#runtime.broker.listCancelled());
      for (const [{ id }, { interruption }] of this.#running) {
        if (cancelled.has(id)) interruption.interrupt("cancelled");
      }
    } catch (error) {
      this.#runtime.logger.warn({ err: error }, "cancelled tasks could not be looked for");
    }
  }

  async #expireRecords(): Promise<void> {
    const now = Date.now();
    if (now < this.#expireAt) return;
    this.#expireAt = now + EXPIRE_INTERVAL_MS;
    const removed = await this.#runtime.results.expire(now - this.#runtime.resultExpiresMs);
    if (removed >= EXPIRE_LIMIT) this.#expireAt = now;
  }
}

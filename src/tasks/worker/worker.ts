import { hostname } from "node:os";

import { assertPositiveInteger, invalidOption } from "../../core/options.ts";
import type { Service, ServiceState, StopOptions } from "../../core/service.ts";
import { ControlNode } from "../control/control-node.ts";
import type { RateLimitOptions } from "../limits/limit-options.ts";
import { RunLimits } from "../limits/run-limits.ts";
import { UniqueRuns } from "../limits/unique-runs.ts";
import { EXPIRE_LIMIT } from "../results/result-store.ts";
import type { TaskRuntime } from "../task-runtime.ts";
import { assertBounds, Autoscale, type AutoscaleBounds } from "./autoscale.ts";
import { ConsumedQueues } from "./consumed-queues.ts";
import type { Execution, ExecutionContext } from "./execution.ts";
import { Fetch, type FetchHealth } from "./fetch.ts";
import { Leases } from "./leases.ts";
import { openPool } from "./pools/open-pool.ts";
import { isPoolChild } from "./pools/pool-child.ts";
import type { PoolKind, TaskPool } from "./pools/pool.ts";
import { createSettle } from "./settle.ts";
import { TaskTimeLimits } from "./task-time-limits.ts";
import type { TimeLimitOptions } from "./time-limits.ts";
import { toControlledWorker } from "./to-controlled-worker.ts";
import { WorkInHand } from "./work-in-hand.ts";
import { assertWorkerDefaults, type WorkerOptions } from "./worker-options.ts";

/** How a worker is. */
export interface WorkerHealth extends FetchHealth {
  readonly state: ServiceState;
  /** How many tasks run. */
  readonly running: number;
  readonly concurrency: number;
  /** How late the last check of every second came, because the event loop was busy. */
  readonly loopLagMs: number;
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
  readonly #queues: ConsumedQueues;
  readonly #stopTimeoutMs: number;
  readonly #hand: WorkInHand;
  readonly #autoscale: Autoscale | undefined;
  readonly #fetch: Fetch;
  readonly #closers: (() => void)[] = [];
  /** How often each task has run. */
  readonly #totals = new Map<string, number>();
  readonly #control: ControlNode;
  #state: ServiceState = "idle";
  #started: Promise<void> = Promise.resolve();
  #stopped: Promise<void> = Promise.resolve();
  #checkedAt = 0;
  #loopLagMs = 0;
  #expireAt = 0;
  #isChecking = false;

  constructor(
    runtime: TaskRuntime,
    {
      autoscale,
      concurrency = autoscale && assertBounds(autoscale).min,
      prefetchMultiplier = 1,
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
    assertWorkerDefaults({
      ...timeLimits,
      prefetchMultiplier,
      leaseMs,
      maxDeliveries,
      deafAfterMs,
    });
    this.#queues = new ConsumedQueues(runtime, queues);
    this.#runtime = { ...runtime, logger };
    this.name = name;
    if (autoscale && concurrency !== autoscale.min) {
      throw invalidOption("concurrency", "absent when `autoscale` is given", concurrency);
    }
    this.#pool = openPool(pool, { broker: runtime.broker, logger, concurrency });
    this.#stopTimeoutMs = assertPositiveInteger("stopTimeoutMs", stopTimeoutMs);
    this.#context = {
      runtime: this.#runtime,
      limits: new RunLimits(this.#runtime, {
        leaseMs,
        onLost: (delivery) => this.#hand.lose(delivery),
      }),
      uniques: new UniqueRuns(this.#runtime),
      worker: { name, pid: process.pid },
      settle: createSettle(runtime.broker, runtime.results),
      pool: this.#pool,
      timeLimits: new TaskTimeLimits(timeLimits),
      maxDeliveries,
    };
    this.#autoscale = autoscale && new Autoscale(autoscale, this.#pool);
    this.#hand = new WorkInHand({
      context: this.#context,
      prefetchMultiplier,
      onRoom: () => this.#fetch.wake(),
      onEnd: (execution) => this.#onEnd(execution),
    });
    this.#leases = new Leases(runtime.broker, {
      leaseMs,
      held: () => this.#hand.deliveries,
      onLost: (delivery) => this.#hand.lose(delivery),
    });
    this.#fetch = new Fetch({
      broker: runtime.broker,
      logger,
      leaseMs,
      deafAfterMs,
      checkMs: this.#leases.intervalMs,
      queues: () => this.queues,
      room: () => this.#hand.room,
      launch: (delivery) => this.#hand.add(delivery),
    });
    const controlled = toControlledWorker({
      worker: this,
      runtime: this.#runtime,
      pool: this.#pool,
      hand: this.#hand,
      limits: this.#context.limits,
      prefetchMultiplier,
      totals: this.#totals,
      shutDown: onShutdown,
    });
    this.#control = new ControlNode(controlled, logger);
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

  /** Between which bounds it decides itself how many tasks run; `undefined` when it does not. */
  get autoscale(): AutoscaleBounds | undefined {
    return this.#autoscale?.bounds;
  }

  /** How long tasks may run that do not say so themselves. */
  get timeLimits(): TimeLimitOptions {
    return this.#context.timeLimits.defaults;
  }

  /** The queues it takes from now. */
  get queues(): readonly string[] {
    return this.#queues.names;
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

  /** Resolves when its broker has answered for the first time; until then it goes on trying. */
  get reached(): Promise<void> {
    return this.#fetch.reached;
  }

  /** How it is. */
  health(): WorkerHealth {
    return {
      ...this.#fetch.health,
      state: this.#state,
      running: this.#hand.running.length,
      concurrency: this.concurrency,
      loopLagMs: Math.round(this.#loopLagMs),
    };
  }

  /** Takes no more tasks, lets running ones end, and hands back those that do not. */
  stop(options: StopOptions = {}): Promise<void> {
    const isOn = this.#state === "starting" || this.#state === "running";
    if (isOn) this.#stopped = this.#stop(options);
    return this.#stopped;
  }

  /** Stops at once: hands back what runs, without waiting for it. */
  async abort(): Promise<void> {
    const stopped = this.stop();
    this.#hand.interrupt(0);
    await stopped;
  }

  /** Changes how often this worker runs a task; `null` is as often as it can. */
  setRateLimit(task: string, rate: string | RateLimitOptions | null): void {
    this.#context.limits.setRate(task, rate);
  }

  /** Changes how long runs of a task may take that begin from now on. */
  setTimeLimits(task: string, limits: TimeLimitOptions): void {
    this.#context.timeLimits.set(task, limits);
  }

  /** Takes from one more queue from now on. */
  addQueue(name: string): void {
    this.#queues.add(name);
    this.#fetch.wake();
  }

  /** Takes from a queue no more; what it has taken goes on. */
  removeQueue(name: string): void {
    this.#queues.remove(name);
    this.#fetch.wake();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Runs more tasks at the same time from now on; returns how many. */
  grow(count = 1): number {
    this.#pool.resize(this.#pool.size + assertPositiveInteger("count", count));
    this.#onRoom();
    return this.#pool.size;
  }

  /** Runs fewer tasks at the same time, at least one; those that run are not ended. Returns how many. */
  shrink(count = 1): number {
    this.#pool.resize(Math.max(1, this.#pool.size - assertPositiveInteger("count", count)));
    return this.#pool.size;
  }

  /**
   * Changes the bounds between which it decides itself how many tasks run.
   *
   * @throws {TidingsError} OPTION_INVALID when they make no sense, or it does not decide itself.
   */
  setAutoscale(bounds: AutoscaleBounds): void {
    if (!this.#autoscale) throw invalidOption("autoscale", "given to the worker", undefined);
    this.#autoscale.change(bounds);
    this.#onRoom();
  }

  #enter(state: ServiceState): void {
    this.#state = state;
    this.#runtime.logger.debug({ worker: this.name, state }, "worker state");
  }

  async #start(): Promise<void> {
    this.#enter("starting");
    try {
      await this.#pool.start(() => this.#onRoom());
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
    const cutOff = (): void => this.#hand.interrupt();
    if (signal.aborted) cutOff();
    signal.addEventListener("abort", cutOff);
    await Promise.all([this.#hand.close(), this.#fetch.stop()]);
    await this.#pool.stop();
    signal.removeEventListener("abort", cutOff);
    for (const close of this.#closers) close();
    this.#enter("stopped");
  }

  #onEnd(execution: Execution | null): void {
    const hasRun = execution?.outcome?.kind !== "waiting";
    const name = hasRun ? execution?.definition?.name : undefined;
    if (name !== undefined) this.#totals.set(name, (this.#totals.get(name) ?? 0) + 1);
    this.#fetch.wake();
  }

  /** The pool can run more than before, perhaps. */
  #onRoom(): void {
    this.#hand.launchWaiting();
    this.#fetch.wake();
  }

  #onChange(): void {
    this.#fetch.wake();
    if (this.#hand.size > 0) void this.#interruptCancelled();
  }

  /** What a worker does every second, whatever happens. */
  async #check(): Promise<void> {
    this.#measureLag();
    this.#fetch.check();
    void this.#control.listen();
    if (this.#isChecking) return;
    this.#isChecking = true;
    try {
      await this.#context.limits.check();
      await this.#leases.check();
      await this.#autoscale?.check(this.#hand.running.length, () => this.#queues.countWaiting());
      await this.#dropOld();
    } catch (error) {
      this.#warn(error, "leases could not be looked after; it is tried again");
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
      await this.#hand.cancel(new Set(await this.#runtime.broker.listCancelled()));
    } catch (error) {
      this.#warn(error, "cancelled tasks could not be looked for");
    }
  }

  /** Of a broker that is not there the fetch has told already; what comes after the end harms nobody. */
  #warn(error: unknown, message: string): void {
    const isKnown = this.#fetch.health.failure !== null || this.#state === "stopped";
    this.#runtime.logger[isKnown ? "debug" : "warn"]({ err: error }, message);
  }

  async #dropOld(): Promise<void> {
    const now = Date.now();
    if (now < this.#expireAt) return;
    this.#expireAt = now + EXPIRE_INTERVAL_MS;
    const removed = await this.#runtime.results.expire(now - this.#runtime.resultExpiresMs);
    const dropped = (await this.#runtime.broker.deadLetters?.expire?.()) ?? 0;
    if (Math.max(removed, dropped) >= EXPIRE_LIMIT) this.#expireAt = now;
  }
}

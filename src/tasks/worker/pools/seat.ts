import { backoffMs } from "../../../core/backoff.ts";
import { TidingsError } from "../../../core/errors.ts";
import type { Logger } from "../../../core/logger.ts";
import { readTypedJson } from "../../message/typed-json.ts";
import type { CustomState } from "../../results/custom-state.ts";
import { STRAY_REJECTION } from "../stray-errors.ts";
import type { ChildLink, StartChild } from "./child-link.ts";
import type { FromChild } from "./child-messages.ts";
import { fromErrorMessage, toErrorMessage, type ErrorMessage } from "./error-message.ts";
import type { PoolCall, PoolChild } from "./pool.ts";
import { WorkerLost } from "./worker-lost.ts";

/** What the seats of a pool have in common. */
export interface SeatOptions {
  readonly startChild: StartChild;
  readonly moduleUrl: string;
  readonly logger: Logger;
  readonly startTimeoutMs: number;
  /** After so many tasks a child is replaced. */
  readonly maxTasksPerChild: number;
  /** A child that holds more after a task is replaced. */
  readonly maxMemoryPerChildBytes: number;
  /** It can take a call now, or has a child less. */
  readonly onChange: (seat: Seat) => void;
}

/** What a child runs. */
interface RunningCall {
  readonly call: PoolCall;
  readonly outcome: PromiseWithResolvers<unknown>;
}

/** One child, and what is known of it. */
interface Child {
  readonly link: ChildLink;
  readonly startedAt: number;
  readonly ready: PromiseWithResolvers<void>;
  readonly startTimer: NodeJS.Timeout;
  tasks: number;
}

type State =
  | { readonly name: "empty" | "stopped" }
  | { readonly name: "waiting"; readonly timer: NodeJS.Timeout }
  | { readonly name: "starting" | "idle"; readonly child: Child }
  | { readonly name: "busy"; readonly child: Child; readonly running: RunningCall };

/** A child that lived this long was well: its successor starts at once. */
const HEALTHY_MS = 5_000;
const MAX_RESTART_MS = 10_000;
/** How long a child that is replaced may take to close what it has opened. */
const EXIT_MS = 5_000;

/**
 * A place in a pool: one child at a time, which runs one task at a time.
 *
 * | state | what is true | what leaves it |
 * | --- | --- | --- |
 * | empty | no child yet | `start` |
 * | starting | a child loads the module | it is ready → idle; its end → waiting, or stopped if it is the first; `stop` |
 * | idle | a child waits | `run` → busy; its end → waiting; `stop` |
 * | busy | a child runs a task | the task's end → idle or, with another child, starting; its own → waiting; `stop` |
 * | waiting | no child; a timer starts the next one | the timer → starting; `stop` |
 * | stopped | no child, for good | |
 */
export class Seat {
  readonly #options: SeatOptions;
  readonly #leaving = new Set<Promise<unknown>>();
  #state: State = { name: "empty" };
  #failures = 0;
  #wasReady = false;
  /** Why the last child could not start. */
  #flaw: Error | undefined;

  constructor(options: SeatOptions) {
    this.#options = options;
  }

  get isIdle(): boolean {
    return this.#state.name === "idle";
  }

  /** Whether it has a child that runs tasks. */
  get isReady(): boolean {
    return this.#state.name === "idle" || this.#state.name === "busy";
  }

  /** Its child, if that is ready. */
  get child(): PoolChild | undefined {
    const state = this.#state;
    if (state.name === "idle") return { pid: state.child.link.pid, taskId: null };
    if (state.name !== "busy") return undefined;
    return { pid: state.child.link.pid, taskId: state.running.call.message.id };
  }

  /** Starts the first child; rejects with what is wrong with it. */
  async start(): Promise<void> {
    await this.#launch().ready.promise;
  }

  /** Runs a call; only an idle seat can. */
  async run(call: PoolCall): Promise<unknown> {
    if (this.#state.name !== "idle")
      throw new Error(`a seat that is ${this.#state.name} is no seat`);
    const { child } = this.#state;
    const { interruption, encoded, facts } = call;
    const { signal } = interruption;
    const outcome = Promise.withResolvers<unknown>();
    this.#enter({ name: "busy", child, running: { call, outcome } });
    const abort = (): void =>
      child.link.post({ kind: "abort", reason: toErrorMessage(signal.reason) });
    child.link.post({ kind: "run", encoded, facts });
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort);
    let isOver = false;
    void interruption.overdue.then(() => isOver || child.link.kill());
    try {
      return await outcome.promise;
    } finally {
      isOver = true;
      signal.removeEventListener("abort", abort);
    }
  }

  /** Ends the child: politely, unless it runs something or does not end in time. */
  async stop(): Promise<void> {
    const state = this.#state;
    this.#enter({ name: "stopped" });
    switch (state.name) {
      case "busy":
        state.running.outcome.reject(new WorkerLost(state.child.link.name, "its pool was stopped"));
        state.child.link.kill();
        this.#leaving.add(state.child.link.ended);
        break;
      case "starting":
        this.#forget(state.child, new Error("the pool was stopped"));
        state.child.link.kill();
        this.#leaving.add(state.child.link.ended);
        break;
      case "idle":
        this.#dismiss(state.child);
        break;
      case "waiting":
      case "empty":
      case "stopped":
    }
    await Promise.all(this.#leaving);
  }

  #enter(state: State): void {
    if (this.#state.name === "waiting") clearTimeout(this.#state.timer);
    this.#state = state;
  }

  #launch(): Child {
    const { startChild, moduleUrl, startTimeoutMs } = this.#options;
    const link = startChild(moduleUrl, (message) => this.#hear(child, message));
    const child: Child = {
      link,
      startedAt: performance.now(),
      ready: Promise.withResolvers<void>(),
      startTimer: setTimeout(() => this.#onStartTimeout(child), startTimeoutMs),
      tasks: 0,
    };
    // Only the first start has somebody who waits for it.
    child.ready.promise.catch(() => {});
    this.#enter({ name: "starting", child });
    void link.ended.then((how) => this.#onEnd(child, how));
    return child;
  }

  #hear(child: Child, message: FromChild): void {
    const state = this.#state;
    if (!("child" in state) || state.child !== child) return;
    switch (message.kind) {
      case "ready":
        return this.#onReady(child);
      case "unusable":
        this.#flaw = fromErrorMessage(message.error);
        return;
      case "stray":
        return this.#onStray(state, message.error);
      case "said":
        return state.name === "busy" ? this.#pass(state.running.call, message) : undefined;
      case "ended":
        return state.name === "busy" ? this.#onResult(state, message) : undefined;
    }
  }

  #onReady(child: Child): void {
    clearTimeout(child.startTimer);
    child.ready.resolve();
    this.#wasReady = true;
    this.#enter({ name: "idle", child });
    this.#options.onChange(this);
  }

  #onStray(state: State, error: ErrorMessage): void {
    const message = state.name === "busy" ? state.running.call.message : undefined;
    const fields = { err: fromErrorMessage(error), task: message?.task, id: message?.id };
    this.#options.logger.error(fields, STRAY_REJECTION);
  }

  /** What the task said was checked where it said it. */
  #pass({ report }: PoolCall, said: Extract<FromChild, { kind: "said" }>): void {
    const { progress, custom, lines, children } = said;
    for (const id of children) report.noteChild(id);
    if (progress) report.progress(progress);
    if (custom !== undefined) report.updateState(readCustomState(custom));
    for (const line of lines) report.log(line);
  }

  #onResult(
    { child, running }: Extract<State, { name: "busy" }>,
    { result, error, memoryBytes, isSpent }: Extract<FromChild, { kind: "ended" }>,
  ): void {
    const { maxTasksPerChild, maxMemoryPerChildBytes, onChange } = this.#options;
    const { outcome } = running;
    child.tasks++;
    this.#failures = 0;
    const isUsedUp = child.tasks >= maxTasksPerChild || memoryBytes > maxMemoryPerChildBytes;
    if (isSpent || isUsedUp) {
      this.#dismiss(child);
      this.#launch();
    } else {
      this.#enter({ name: "idle", child });
    }
    if (error) outcome.reject(fromErrorMessage(error));
    else outcome.resolve(readTypedJson(result ?? "null"));
    onChange(this);
  }

  #onStartTimeout(child: Child): void {
    const { startTimeoutMs, moduleUrl } = this.#options;
    this.#flaw = new TidingsError(
      "APP_LOAD_FAILED",
      `${child.link.name} has not loaded ${moduleUrl} within ${startTimeoutMs} ms`,
    );
    child.link.kill();
  }

  #onEnd(child: Child, how: string): void {
    const state = this.#state;
    if (!("child" in state) || state.child !== child) return;
    const { logger, onChange, moduleUrl } = this.#options;
    const { name } = child.link;
    const livedMs = performance.now() - child.startedAt;
    const wasStarting = state.name === "starting";
    const flaw =
      this.#flaw ??
      new TidingsError("APP_LOAD_FAILED", `${name} ended while it loaded ${moduleUrl}: ${how}`);
    this.#flaw = undefined;
    this.#forget(child, flaw);
    if (state.name === "busy") state.running.outcome.reject(new WorkerLost(name, how));
    // Whoever waits for the first one knows now what is wrong.
    if (!this.#wasReady) return this.#enter({ name: "stopped" });
    // One that died of its task was well: it is the task that waits before it runs again.
    const isWell = !wasStarting && (livedMs >= HEALTHY_MS || state.name === "busy");
    this.#failures = isWell ? 0 : this.#failures + 1;
    const waitMs = isWell
      ? 0
      : backoffMs(this.#failures - 1, { baseMs: 250, maxMs: MAX_RESTART_MS, jitter: false });
    this.#enter({ name: "waiting", timer: setTimeout(() => this.#launch(), waitMs) });
    const fields = { child: name, how, waitMs, ...(wasStarting ? { err: flaw } : {}) };
    logger.warn(fields, "what runs tasks has died; another one is started");
    onChange(this);
  }

  /** The child takes part no more. */
  #forget({ startTimer, ready }: Child, reason: Error): void {
    clearTimeout(startTimer);
    ready.reject(reason);
  }

  /** Lets a child that has done its part close what it has opened, within bounded time. */
  #dismiss({ link }: Child): void {
    link.post({ kind: "exit" });
    const timer = setTimeout(() => link.kill(), EXIT_MS);
    this.#leaving.add(link.ended);
    void link.ended.then(() => clearTimeout(timer));
    void link.ended.then(() => this.#leaving.delete(link.ended));
  }
}

/** The child has checked it. */
function readCustomState(text: string): CustomState {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own text
  return readTypedJson(text) as CustomState;
}

import { backoffMs } from "../../core/backoff.ts";
import { isTidingsError, TidingsError, toError } from "../../core/errors.ts";
import { isRecord } from "../../core/is-record.ts";
import type { Delivery, Settle } from "../brokers/broker.ts";
import { Ignore } from "../ignore.ts";
import type { RunLimits, Wait } from "../limits/run-limits.ts";
import type { UniqueRuns } from "../limits/unique-runs.ts";
import { decodeMessage, MAX_BODY_BYTES } from "../message/decode.ts";
import type { TaskMessage } from "../message/message.ts";
import { isRedelivered } from "../message/redelivered.ts";
import { Reject } from "../reject.ts";
import { pendingRecord, type TaskRecord, type TaskWorker } from "../results/task-record.ts";
import { isFinal } from "../states.ts";
import type { TaskRuntime } from "../task-runtime.ts";
import type { TaskDefinition } from "../task.ts";
import { admit, freeKey, leave } from "./admit.ts";
import { settleAfter } from "./after.ts";
import { findDefinition } from "./built-in-tasks.ts";
import type { Interruption } from "./interruption.ts";
import { isIgnored } from "./kept-record.ts";
import { notRegistered } from "./not-registered.ts";
import type { PoolCall, TaskPool } from "./pools/pool.ts";
import { WorkerLost } from "./pools/worker-lost.ts";
import { recordOutcome } from "./record-outcome.ts";
import { reportRunAgain } from "./report-outcome.ts";
import { TaskReport } from "./report.ts";
import type { TaskTimeLimits } from "./task-time-limits.ts";
import { timeLimitError, watchTimeLimits, withSoftLimit } from "./time-limits.ts";

/** No task has a longer name. */
const MAX_NAME_LENGTH = 255;

/** What an execution needs of its worker. */
export interface ExecutionContext {
  readonly runtime: TaskRuntime;
  readonly worker: TaskWorker;
  readonly settle: Settle;
  readonly limits: RunLimits;
  readonly uniques: UniqueRuns;
  /** Where functions run. */
  readonly pool: TaskPool;
  readonly timeLimits: TaskTimeLimits;
  /** How many lost leases make a message a poisoned one. */
  readonly maxDeliveries: number;
}

/** How a run ended. */
export type Outcome =
  | { readonly kind: "success"; readonly result: unknown }
  | { readonly kind: "failure"; readonly error: Error }
  | { readonly kind: "revoked"; readonly error: Error }
  /** The task wants nothing to be recorded. */
  | { readonly kind: "ignored" }
  /** The task does not want its message. */
  | { readonly kind: "rejected"; readonly error: Reject }
  /** It is not its turn: the message waits in the broker. */
  | { readonly kind: "waiting"; readonly wait: Wait }
  /** The worker stops: the message goes back. */
  | { readonly kind: "handed-back" }
  /** The outcome was stored in an earlier run, which died before it could acknowledge. */
  | { readonly kind: "stored-before"; readonly record: TaskRecord }
  /** What ran the function died in the middle of it: the task runs again, which counts. */
  | { readonly kind: "worker-lost"; readonly error: Error }
  /** Another worker has the task. */
  | { readonly kind: "lost" };

/** One run of one delivery: what is known after each step. */
export interface Execution {
  readonly context: ExecutionContext;
  readonly delivery: Delivery;
  readonly interruption: Interruption;
  /** The record as the run found it. */
  readonly record: TaskRecord;
  readonly message?: TaskMessage | undefined;
  readonly definition?: TaskDefinition | undefined;
  readonly report?: TaskReport | undefined;
  /** Once it is there, the steps up to `run` have nothing left to do. */
  readonly outcome?: Outcome | undefined;
  /** The end of the function, when that was given up. Never rejects. */
  readonly goesOn?: Promise<unknown> | undefined;
}

/** Runs one delivery: receive → resolve → admit → start → run. What comes of it is there, and not stored yet. */
export async function execute(
  context: ExecutionContext,
  delivery: Delivery,
  interruption: Interruption,
): Promise<Execution> {
  const record = { ...pendingRecord(delivery.id), queue: delivery.queue, runs: delivery.runs };
  let execution: Execution = { context, delivery, interruption, record };
  for (const step of STEPS) {
    const next = step(execution);
    // Most have nothing to wait for.
    execution = next instanceof Promise ? await next : next;
    if (execution.outcome) return execution;
  }
  return execution;
}

const STEPS = [receive, resolve, admit, start, run];

/**
 * Ends a delivery that has run: settle.
 *
 * Rejects only when the outcome could not be stored; the message then stays leased, and runs again.
 */
export async function finish(execution: Execution): Promise<Execution> {
  const { context, delivery } = execution;
  try {
    return await settle(execution);
  } finally {
    if (context.limits.holds(delivery)) await leave(execution);
  }
}

/** Reads the message; ends here what must not run at all. */
function receive(execution: Execution): Execution | Promise<Execution> {
  const { context, delivery, record } = execution;
  const message = readMessage(execution);
  // A first run has no record yet: nothing to read.
  const isFirst =
    delivery.runs === 1 &&
    !isRedelivered(delivery.message) &&
    context.runtime.broker.forgetsCancelled !== true;
  if (isFirst) return receiveAs(execution, message, record);
  return findRecord(execution).then((found) => receiveAs(execution, message, found));
}

/** `found` is what earlier runs left. */
function receiveAs(
  execution: Execution,
  message: TaskMessage | Error,
  found: TaskRecord,
): Execution {
  const { context, delivery } = execution;
  const known = Error.isError(message)
    ? { ...execution, record: { ...found, name: found.name ?? nameIn(delivery.message.headers) } }
    : { ...execution, message, record: withMessage(found, message) };
  if (isFinal(found.state)) return { ...known, outcome: { kind: "stored-before", record: found } };
  // The next try was sent before that was recorded: this message is the one that it has replaced.
  if (!Error.isError(message) && found.retries > message.retries) {
    return { ...known, outcome: { kind: "stored-before", record: found } };
  }
  if (delivery.cancelled) return { ...known, outcome: revoked("the task was cancelled") };
  if (delivery.lostLeases >= context.maxDeliveries) {
    const reason = `given up: its worker died ${delivery.lostLeases} times in the middle of it`;
    return { ...known, outcome: failure(new TidingsError("TASK_WORKER_LOST", reason)) };
  }
  return Error.isError(message) ? { ...known, outcome: failure(message) } : known;
}

/** What the headers say of a message whose body cannot be read. */
function nameIn(headers: unknown): string | null {
  const task = isRecord(headers) ? headers["task"] : null;
  return typeof task === "string" ? task.slice(0, MAX_NAME_LENGTH) : null;
}

function withMessage(record: TaskRecord, message: TaskMessage): TaskRecord {
  const { task: name, retries, parentId, group: groupId } = message;
  return { ...record, name, retries, parentId, groupId };
}

/** Returns the message, or why it cannot be read. */
function readMessage({ context, delivery }: Execution): TaskMessage | Error {
  try {
    const { format, maxMessageBytes } = context.runtime;
    const maxBytes = Math.max(maxMessageBytes, MAX_BODY_BYTES);
    return decodeMessage(delivery.message, { accept: format.accept, maxBytes });
  } catch (error) {
    return toError(error);
  }
}

/** What earlier runs left; logs are carried on. */
async function findRecord({ context, delivery, record }: Execution): Promise<TaskRecord> {
  const stored = await context.runtime.results.get(delivery.id);
  if (!stored) return record;
  return isFinal(stored.state) ? stored : { ...stored, runs: delivery.runs };
}

/** Finds the task that the message names. */
function resolve(execution: Execution): Execution {
  const { message, context } = execution;
  if (!message) return execution;
  const { definitions } = context.runtime;
  const { task: name } = message;
  const definition = findDefinition(definitions, name);
  if (definition && (message.expires === null || message.expires > Date.now())) {
    return { ...execution, definition };
  }
  const outcome = definition
    ? revoked("the task had expired")
    : failure(notRegistered(name, definitions));
  return { ...execution, record: { ...execution.record, worker: context.worker }, outcome };
}

/** Begins the record of this run, and what reports into it. */
function start(execution: Execution): Execution {
  const { context, delivery, record, interruption } = execution;
  const { replyTo = null } = delivery.message.properties;
  const { results, logger } = context.runtime;
  if (delivery.lostLeases > 0) reportRunAgain(execution, logger);
  const started: TaskRecord = {
    ...record,
    worker: context.worker,
    state: "STARTED",
    custom: null,
    progress: null,
    error: null,
    traceback: null,
    children: [],
    startedAt: Date.now(),
    retryAt: null,
  };
  const report = new TaskReport(started, async (latest) => {
    if (isIgnored(execution)) return;
    try {
      if (!(await results.store(latest, replyTo))) interruption.interrupt("lease-lost");
    } catch (error) {
      logger.warn({ err: error, task: record.name, id: record.id }, "progress could not be stored");
    }
  });
  return { ...execution, record: started, report };
}

/** Calls the function, and waits until it has ended or must be given up. */
function run(execution: Execution): Execution | Promise<Execution> {
  const { context, delivery, message, definition, report, interruption } = execution;
  if (!message || !definition || !report) return execution;
  const { queue, runs, message: encoded } = delivery;
  const limits = context.timeLimits.of(message, definition);
  const deadline = limits.hardMs === null ? null : Date.now() + limits.hardMs;
  const facts = { queue, runs, workerName: context.worker.name, deadline };
  const call = { definition, message, encoded, facts, report, interruption };
  const unwatch = watchTimeLimits(interruption, limits);
  const ended = begin(context.pool, call);
  const end = (outcome: Outcome | undefined): Execution => {
    unwatch?.();
    report.close();
    const isTimedOut = interruption.kind === "time-limit";
    return {
      ...execution,
      record: report.record,
      outcome: isTimedOut
        ? failure(timeLimitError(limits.hardMs ?? 0))
        : withInterruption(outcome ?? strayOutcome(interruption), interruption),
      goesOn: outcome || !(ended instanceof Promise) ? undefined : ended,
    };
  };
  if (!(ended instanceof Promise)) return end(ended);
  report.start();
  return Promise.race([ended, interruption.overdue]).then((outcome) => end(outcome ?? undefined));
}

/** Calls the function. What has nothing to wait for has ended at once. Never rejects. */
function begin(pool: TaskPool, call: PoolCall): Outcome | Promise<Outcome> {
  try {
    const result = pool.run(call);
    return isThenable(result)
      ? Promise.resolve(result).then(toSuccess, toOutcome)
      : toSuccess(result);
  } catch (thrown) {
    return toOutcome(thrown);
  }
}

function isThenable(value: unknown): boolean {
  return value !== null && (typeof value === "object" || typeof value === "function")
    ? "then" in value
    : false;
}

function toSuccess(result: unknown): Outcome {
  return { kind: "success", result };
}

/** What the task has left behind ended it, not its function. */
function strayOutcome({ failure: error }: Interruption): Outcome | undefined {
  return error && failure(error);
}

/** What an interruption makes of how the function ended, if it has ended at all. */
function withInterruption(outcome: Outcome | undefined, interruption: Interruption): Outcome {
  const { kind } = interruption;
  if (kind === "lease-lost") return { kind: "lost" };
  if (kind === "cancelled") return revoked("the task was cancelled while it ran");
  if (outcome?.kind === "failure" && kind === null) {
    return failure(withSoftLimit(outcome.error, interruption));
  }
  return outcome?.kind === "success" || (outcome && kind === null)
    ? outcome
    : { kind: "handed-back" };
}

/** Stores how it ended, and ends the delivery. */
async function settle(execution: Execution): Promise<Execution> {
  const { context, delivery, interruption, outcome } = execution;
  if (!outcome || outcome.kind === "lost") return execution;
  if (outcome.kind === "worker-lost") return loseLease(execution);
  if (outcome.kind === "waiting") {
    await context.limits.putBack(delivery, outcome.wait);
    return execution;
  }
  const ending = recordOutcome(execution, outcome);
  for (let failures = 0; ; failures++) {
    try {
      const record = await settleAfter(execution, ending);
      const isOver = record !== null && ending.retry === null;
      if (context.uniques.concern(delivery)) await freeKey(execution, isOver);
      return record ? { ...execution, record } : { ...execution, outcome: { kind: "lost" } };
    } catch (error) {
      // The work is done: as long as the lease is kept, storing it is worth waiting for.
      if (!isTidingsError(error, "STORAGE_UNAVAILABLE") || interruption.kind) throw error;
      const fields = { err: error, task: execution.record.name, id: delivery.id };
      context.runtime.logger.warn(fields, "an outcome could not be stored; it is tried again");
      await interruption.wait(backoffMs(failures));
    }
  }
}

/** How long a task waits that was lost with what ran it: from half a second to ten. */
const LOST_AGAIN = { baseMs: 500, maxMs: 10_000, jitter: false };

/**
 * Has the task run again as after the death of a worker: its lease runs out, and is counted as lost.
 *
 * Each time it waits longer, so that one that kills whatever runs it does not keep others from running.
 */
async function loseLease(execution: Execution): Promise<Execution> {
  const { context, delivery } = execution;
  const { broker } = context.runtime;
  const waitMs = backoffMs(delivery.lostLeases, LOST_AGAIN);
  if (broker.loseLease) await broker.loseLease(delivery, waitMs);
  else await broker.renew([delivery], waitMs);
  return execution;
}

/** What the function threw says how it ended. */
function toOutcome(thrown: unknown): Outcome {
  const error = toError(thrown);
  if (error instanceof WorkerLost) return { kind: "worker-lost", error };
  if (error instanceof Ignore) return { kind: "ignored" };
  return error instanceof Reject ? { kind: "rejected", error } : failure(error);
}

function failure(error: Error): Outcome {
  return { kind: "failure", error };
}

function revoked(reason: string): Outcome {
  return { kind: "revoked", error: new TidingsError("TASK_CANCELLED", reason) };
}

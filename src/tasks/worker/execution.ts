import { toError, TidingsError } from "../../core/errors.ts";
import type { Delivery } from "../brokers/broker.ts";
import { runAs, type CurrentTask } from "../current-task.ts";
import { decodeMessage } from "../message/decode.ts";
import type { TaskMessage } from "../message/message.ts";
import { pendingRecord, type TaskRecord, type TaskWorker } from "../results/task-record.ts";
import { isFinal } from "../states.ts";
import type { TaskDefinition } from "../task.ts";
import type { TaskRuntime } from "../task-runtime.ts";
import type { Interruption } from "./interruption.ts";
import { TaskReport } from "./report.ts";
import { recordOutcome } from "./record-outcome.ts";
import type { Settle, Settlement } from "./settle.ts";

/** What an execution needs of its worker. */
export interface ExecutionContext {
  readonly runtime: TaskRuntime;
  readonly worker: TaskWorker;
  readonly settle: Settle;
  /** How many lost leases make a message a poisoned one. */
  readonly maxDeliveries: number;
}

/** How a run ended. */
export type Outcome =
  | { readonly kind: "success"; readonly result: unknown }
  | { readonly kind: "failure"; readonly error: Error }
  | { readonly kind: "revoked"; readonly error: Error }
  /** The worker stops: the message goes back. */
  | { readonly kind: "handed-back" }
  /** The outcome was stored in an earlier run, which died before it could acknowledge. */
  | { readonly kind: "stored-before"; readonly record: TaskRecord }
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
}

/**
 * Runs one delivery: receive → resolve → start → run → settle.
 *
 * Rejects only when the outcome could not be stored; the message then stays leased, and runs again.
 */
export async function execute(
  context: ExecutionContext,
  delivery: Delivery,
  interruption: Interruption,
): Promise<Execution> {
  const record = { ...pendingRecord(delivery.id), queue: delivery.queue, runs: delivery.runs };
  let execution: Execution = { context, delivery, interruption, record };
  for (const step of [receive, resolve, start]) {
    execution = await step(execution);
    if (execution.outcome) return settle(execution);
  }
  return settle(await run(execution));
}

/** Reads the message; ends here what must not run at all. */
async function receive(execution: Execution): Promise<Execution> {
  const { context, delivery } = execution;
  // A first run has no record yet: nothing to read.
  const record = delivery.runs > 1 ? await findRecord(execution) : execution.record;
  if (isFinal(record.state)) return { ...execution, outcome: { kind: "stored-before", record } };
  if (delivery.cancelled) return { ...execution, record, outcome: revoked("the task was cancelled") };
  if (delivery.lostLeases >= context.maxDeliveries) {
    const reason = `given up: its worker died ${delivery.lostLeases} times in the middle of it`;
    return { ...execution, record, outcome: failure(new TidingsError("TASK_FAILED", reason)) };
  }
  try {
    return { ...execution, record, message: decodeMessage(delivery.message) };
  } catch (error) {
    return { ...execution, record, outcome: failure(toError(error)) };
  }
}

async function findRecord({ context, delivery, record }: Execution): Promise<TaskRecord> {
  const stored = await context.runtime.results.get(delivery.id);
  return stored && (isFinal(stored.state) ? stored : { ...stored, runs: record.runs });
}

/** Finds the task that the message names. */
function resolve(execution: Execution): Execution {
  const { message, context, record } = execution;
  if (!message) return execution;
  const { definitions } = context.runtime;
  const definition = definitions.get(message.task);
  const named = { ...record, name: message.task, retries: message.retries };
  if (!definition) {
    const known = [...definitions.keys()].slice(0, 50).join(", ") || "none";
    const error = new TidingsError(
      "TASK_NOT_REGISTERED",
      `no task is named ${JSON.stringify(message.task)}; known are ${known}`,
    );
    return { ...execution, record: named, outcome: failure(error) };
  }
  if (message.expires !== null && message.expires <= Date.now()) {
    return { ...execution, record: named, outcome: revoked("the task had expired") };
  }
  return { ...execution, record: named, definition };
}

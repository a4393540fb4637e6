import { TidingsError } from "../core/errors.ts";
import { invalidOption } from "../core/options.ts";
import type { Broker } from "./brokers/broker.ts";
import { findCurrentTask } from "./current-task.ts";
import { sendUnique } from "./limits/send-unique.ts";
import { markRedelivered } from "./message/redelivered.ts";
import { prepareCall, type PreparedCall, type TaskCall } from "./prepare-call.ts";
import { retryPublish } from "./publish-retry.ts";
import type { TaskRecord } from "./results/task-record.ts";
import { isFinal } from "./states.ts";
import type { TaskRuntime } from "./task-runtime.ts";

/**
 * Encodes a call and gives it to the broker; returns what was sent once the broker has it.
 *
 * @throws {TidingsError} OPTION_INVALID when an option makes no sense.
 * @throws {TidingsError} TASK_INVALID_ARGUMENTS when JSON cannot carry the arguments, or a task of
 *   this id waits, runs, or has ended and is still on record.
 * @throws {TidingsError} TASK_UNROUTABLE when the exchange finds no queue.
 * @throws {TidingsError} TASK_TOO_LARGE when the arguments exceed `maxMessageBytes`.
 * @throws {TidingsError} STORAGE_UNAVAILABLE when the broker cannot keep it.
 */
export async function sendCall(runtime: TaskRuntime, call: TaskCall): Promise<PreparedCall> {
  return await sendPrepared(runtime, prepareCall(runtime, call));
}

/** Gives a prepared call to the broker, or finds one that stands for it. Throws as {@link sendCall} does. */
export async function sendPrepared(
  runtime: TaskRuntime,
  prepared: PreparedCall,
): Promise<PreparedCall> {
  const { id, unique } = prepared;
  if (!unique) {
    await sendAnyway(runtime, prepared);
    return prepared;
  }
  const send = (): Promise<void> => sendAnyway(runtime, prepared);
  return { ...prepared, id: await sendUnique(runtime, { id, unique, send }) };
}

async function sendAnyway(runtime: TaskRuntime, prepared: PreparedCall): Promise<void> {
  const { broker, results, closing: signal } = runtime;
  const { id, hasOwnId, publishRetry: retry } = prepared;
  // Who had the id before may end just now: whoever takes the message looks first.
  const first = hasOwnId ? asRepeated(prepared) : prepared;
  // A final record is never changed: what this call returns could not be recorded. Ids of ours are new.
  if (hasOwnId && isEnded(await results.get(id))) throw takenId(id, "has ended");
  const isNew = await retryPublish({
    publish: async (failures) => {
      if (results.replies) await results.replies.open();
      if (failures === 0) return await publish(broker, first);
      // What the broker has of an id of ours by now came from a try before.
      return (await publish(broker, asRepeated(prepared))) || !hasOwnId;
    },
    retry,
    signal,
  });
  if (!isNew) throw takenId(id, "waits or runs");
  findCurrentTask()?.noteChild?.(id);
}

function asRepeated(prepared: PreparedCall): PreparedCall {
  return { ...prepared, message: markRedelivered(prepared.message) };
}

/** Gives a call to the broker once; `false` when it has one of this id already. */
export async function publish(
  broker: Broker,
  {
    queue,
    exchange,
    message,
    dueAt,
  }: Pick<PreparedCall, "queue" | "exchange" | "message" | "dueAt">,
): Promise<boolean> {
  if (!exchange) return await broker.publish(queue, message, dueAt);
  if (!broker.exchanges) {
    throw invalidOption("exchange", "absent: this broker knows queues only", exchange.exchange);
  }
  await broker.exchanges.publish(exchange, message, dueAt);
  return true;
}

function isEnded(record: TaskRecord | null): boolean {
  return record !== null && isFinal(record.state);
}

function takenId(id: string, state: string): TidingsError {
  return new TidingsError(
    "TASK_INVALID_ARGUMENTS",
    `expected \`taskId\` to be new, but a task with the id ${JSON.stringify(id)} ${state} already`,
  );
}

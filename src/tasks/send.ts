import { hostname } from "node:os";

import { TidingsError } from "../core/errors.ts";
import { assertDuration, invalidOption } from "../core/options.ts";
import { findCurrentTask } from "./current-task.ts";
import { encodeMessage } from "./message/encode.ts";
import { JsonRefusal } from "./message/json-text.ts";
import type { EncodedMessage, TaskMessage } from "./message/message.ts";
import type { TaskRecord } from "./results/task-record.ts";
import { toSignatureList } from "./signature-options.ts";
import { isFinal } from "./states.ts";
import { newTaskId } from "./task-id.ts";
import type { TaskRuntime } from "./task-runtime.ts";
import { assertName, type SendOptions } from "./task.ts";

/** A call that is to be sent. */
export interface TaskCall {
  /** The name of the task. */
  readonly task: string;
  readonly args: readonly unknown[];
  readonly kwargs?: Readonly<Record<string, unknown>> | undefined;
  readonly options: SendOptions;
  /** What a workflow says of it: its place in a group, and what comes after it. */
  readonly workflow?: Partial<TaskMessage> | undefined;
}

/** A call as the broker gets it. */
export interface PreparedCall {
  readonly id: string;
  readonly queue: string;
  readonly message: EncodedMessage;
  /** `undefined` for at once. */
  readonly dueAt: number | undefined;
}

const ORIGIN = `gen${process.pid}@${hostname()}`;

/**
 * Encodes a call and gives it to the broker; returns its id once the broker has it.
 *
 * @throws {TidingsError} TASK_INVALID_ARGUMENTS when JSON cannot carry the arguments, or a task of
 *   this id waits, runs, or has ended and is still on record.
 * @throws {TidingsError} TASK_TOO_LARGE when the arguments exceed `maxMessageBytes`.
 * @throws {TidingsError} STORAGE_UNAVAILABLE when the broker cannot keep it.
 */
export async function sendCall(runtime: TaskRuntime, call: TaskCall): Promise<string> {
  const { broker, results } = runtime;
  const { taskId } = call.options;
  const { id, queue, message, dueAt } = prepareCall(runtime, call);
  // A final record is never changed: what this call returns could not be recorded. Ids of ours are new.
  if (taskId !== undefined && isEnded(await results.get(taskId))) throw takenId(id, "has ended");
  if (await broker.publish(queue, message, dueAt)) return id;
  throw takenId(id, "waits or runs");
}

/** Checks and encodes a call; says where it goes and when it is due. Throws as {@link sendCall} does. */
export function prepareCall(runtime: TaskRuntime, call: TaskCall): PreparedCall {
  const { taskId, queue } = call.options;
  if (taskId !== undefined) assertName("`taskId`", taskId);
  if (queue !== undefined) assertName("`queue`", queue);
  const dueAt = toDueTime(call.options);
  const id = taskId ?? newTaskId();
  const definition = runtime.definitions.get(call.task);
  return {
    id,
    queue: queue ?? definition?.options.queue ?? runtime.defaultQueue,
    message: encodeCall(runtime, call, { id, eta: dueAt }),
    dueAt: dueAt ?? undefined,
  };
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

/** `null` for at once. */
function toDueTime({ countdownMs, eta }: SendOptions): number | null {
  if (countdownMs !== undefined && eta !== undefined) {
    throw invalidOption("eta", "absent when `countdownMs` is given", eta);
  }
  if (eta !== undefined) return toTime("eta", eta);
  if (countdownMs === undefined || assertDuration("countdownMs", countdownMs) === 0) return null;
  return Math.ceil(Date.now() + countdownMs);
}

function toTime(name: string, date: Date): number {
  const time = date.getTime();
  if (Number.isNaN(time)) throw invalidOption(name, "a valid Date", date);
  return time;
}

function encodeCall(
  { format, maxMessageBytes: maxBytes }: TaskRuntime,
  { task, args, kwargs = {}, options, workflow }: TaskCall,
  { id, eta }: Pick<TaskMessage, "id" | "eta">,
): EncodedMessage {
  const parent = findCurrentTask();
  const message = {
    id,
    task,
    kwargs,
    eta,
    args: withoutTrailingUndefined(args),
    embed: {
      callbacks: toSignatureList(options.link),
      errbacks: toSignatureList(options.linkError),
    },
    expires: options.expires ? toTime("expires", options.expires) : null,
    rootId: parent?.rootId ?? id,
    parentId: parent?.id ?? null,
    origin: ORIGIN,
    ...workflow,
  };
  try {
    return encodeMessage(message, { ...format, maxBytes });
  } catch (error) {
    if (!(error instanceof JsonRefusal)) throw error;
    throw new TidingsError(
      "TASK_INVALID_ARGUMENTS",
      `task ${task} cannot be sent: ${error.message}`,
      {
        cause: error,
      },
    );
  }
}

/** An argument that was left out at the end is left out of the message too. */
function withoutTrailingUndefined(args: readonly unknown[]): readonly unknown[] {
  if (args.length === 0 || args.at(-1) !== undefined) return args;
  return args.slice(0, args.findLastIndex((argument) => argument !== undefined) + 1);
}

import { hostname } from "node:os";

import { TidingsError } from "../core/errors.ts";
import { isRecord } from "../core/is-record.ts";
import { assertDuration, assertKnownOptions, invalidOption } from "../core/options.ts";
import type { ExchangeAddress } from "./brokers/broker.ts";
import { assertCallOptions, assertText, withDefaults, type CallOptions } from "./call-options.ts";
import { findCurrentTask, type CurrentTask } from "./current-task.ts";
import { UNIQUE_HEADER, type UniqueCall } from "./limits/unique-options.ts";
import { encodeMessage } from "./message/encode.ts";
import { JsonRefusal } from "./message/json-text.ts";
import type { EncodedMessage, OutgoingMessage, TaskMessage } from "./message/message.ts";
import { SEND_OPTIONS } from "./option-names.ts";
import { toPriorityNumber } from "./priority.ts";
import type { FindRoute } from "./routes.ts";
import { toSignatureList } from "./signature-options.ts";
import { newTaskId } from "./task-id.ts";
import type { TaskRuntime } from "./task-runtime.ts";
import { NO_OPTIONS, type SendOptions } from "./task.ts";

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
  /** Whether the caller chose the id: others may have chosen it too. */
  readonly hasOwnId: boolean;
  readonly task: string;
  readonly message: EncodedMessage;
  readonly queue: string;
  /** Finds the queues, instead of `queue`. */
  readonly exchange: ExchangeAddress | null;
  /** Not before this time, in milliseconds since 1970; `undefined` for at once. */
  readonly dueAt: number | undefined;
  /** Whether nothing will be recorded of it. */
  readonly ignoreResult: boolean;
  readonly publishRetry: CallOptions["publishRetry"];
  /** Whether it stands for others, or others for it. */
  readonly unique: UniqueCall | null;
}

const ORIGIN = `gen${process.pid}@${hostname()}`;

/**
 * Puts together what the call, its task, its route and the defaults say, in this order, and encodes it.
 *
 * @throws {TidingsError} OPTION_INVALID when an option makes no sense.
 * @throws {TidingsError} TASK_INVALID_ARGUMENTS when the arguments cannot be carried.
 * @throws {TidingsError} TASK_TOO_LARGE when they exceed `maxMessageBytes`.
 */
export function prepareCall(runtime: TaskRuntime, call: TaskCall): PreparedCall {
  const { definitions, defaultQueue } = runtime;
  assertArguments(call);
  if (call.options !== NO_OPTIONS) assertSendOptions(call.options);
  const ofTask = withDefaults(call.options, definitions.get(call.task)?.options ?? NO_OPTIONS);
  const routed = runtime.findRoute ? withRoute(call, ofTask, runtime.findRoute) : ofTask;
  const unique = findUnique(runtime, call);
  const options = unique ? withUnique(routed, unique) : routed;
  const { taskId: id = newTaskId(), exchange, routingKey = "" } = options;
  const dueAt = toDueTime(options);
  return {
    id,
    hasOwnId: options.taskId !== undefined,
    task: call.task,
    message: encode(runtime, { ...call, options }, { id, eta: dueAt }),
    queue: options.queue ?? defaultQueue,
    exchange: exchange === undefined ? null : { exchange, routingKey },
    dueAt: dueAt ?? undefined,
    ignoreResult: options.ignoreResult ?? false,
    publishRetry: options.publishRetry,
    unique,
  };
}

/** "1. apply_async 2. the Task itself 3. task_routes". */
function withRoute(
  { task, args, kwargs = {} }: TaskCall,
  options: SendOptions,
  findRoute: FindRoute,
): SendOptions {
  return withDefaults(options, findRoute({ task, args, kwargs, options }));
}

/** The steps of a workflow are sent whatever else is. */
function findUnique({ definitions }: TaskRuntime, call: TaskCall): UniqueCall | null {
  const rule = call.workflow ? undefined : definitions.get(call.task)?.unique;
  if (!rule) return null;
  return rule.toUnique({ args: withoutTrailingUndefined(call.args), kwargs: call.kwargs ?? {} });
}

/** What the message says of its key; a debounced one comes after its time of silence. */
function withUnique(options: SendOptions, { mode, key, ttlMs }: UniqueCall): SendOptions {
  if (mode === "throttle") return options;
  const headers = { ...options.headers, [UNIQUE_HEADER]: key };
  if (mode !== "debounce") return { ...options, headers };
  if (options.countdownMs !== undefined || options.eta !== undefined) {
    const name = options.eta === undefined ? "countdownMs" : "eta";
    throw invalidOption(name, "absent when the task has `debounceMs`", options[name]);
  }
  return { ...options, headers, countdownMs: ttlMs };
}

/** Types do not hold for what comes from elsewhere. */
function assertArguments({ task, args, kwargs = {} }: TaskCall): void {
  if (!Array.isArray(args)) throw unsendable(task, "expected its arguments to be a list");
  if (!isRecord(kwargs)) throw unsendable(task, "expected its arguments by name to be an object");
}

function unsendable(task: string, reason: string, cause?: Error): TidingsError {
  const message = `task ${task} cannot be sent: ${reason}`;
  return new TidingsError("TASK_INVALID_ARGUMENTS", message, { cause });
}

function assertSendOptions(options: SendOptions): void {
  assertKnownOptions("a call", options, SEND_OPTIONS);
  assertCallOptions(options);
  if (options.expires !== undefined && options.expiresInMs !== undefined) {
    throw invalidOption("expiresInMs", "absent when `expires` is given", options.expiresInMs);
  }
  const { taskId, shadow, rootId, parentId, groupId, replyTo, groupIndex } = options;
  for (const [name, text] of Object.entries({
    taskId,
    shadow,
    rootId,
    parentId,
    groupId,
    replyTo,
  })) {
    if (text !== undefined) assertText(name, text);
  }
  if (groupIndex !== undefined && !(Number.isSafeInteger(groupIndex) && groupIndex >= 0)) {
    throw invalidOption("groupIndex", "an integer of 0 or more", groupIndex);
  }
}

function encode(
  runtime: TaskRuntime,
  { task, args, kwargs = {}, options, workflow }: TaskCall,
  { id, eta }: Pick<TaskMessage, "id" | "eta">,
): EncodedMessage {
  const { format, maxMessageBytes: maxBytes, results } = runtime;
  const parent = findCurrentTask();
  const { serializer, compression } = options;
  const message: OutgoingMessage = {
    id,
    task,
    args: withoutTrailingUndefined(args),
    kwargs,
    embed: {
      callbacks: toSignatureList(options.link),
      errbacks: toSignatureList(options.linkError),
    },
    eta,
    expires: toExpiry(options),
    rootId: options.rootId ?? parent?.rootId ?? id,
    parentId: options.parentId ?? parent?.id ?? null,
    group: options.groupId ?? null,
    groupIndex: options.groupIndex ?? null,
    origin: ORIGIN,
    shadow: options.shadow ?? null,
    timeLimits: { hardMs: options.timeLimitMs ?? null, softMs: options.softTimeLimitMs ?? null },
    ignoreResult: options.ignoreResult ?? false,
    headers: options.headers ?? {},
    replyTo: options.replyTo ?? results.replies?.name ?? null,
    priority: toPriority(runtime, options, parent),
    ...workflow,
  };
  try {
    return encodeMessage(message, {
      serializer: serializer ?? format.serializer,
      compression: compression ?? format.compression,
      typedValues: format.typedValues,
      maxBytes,
    });
  } catch (error) {
    if (!(error instanceof JsonRefusal)) throw error;
    throw unsendable(task, error.message, error);
  }
}

/** `null` for none: Celery's, 0. */
function toPriority(
  { broker, defaultPriority, inheritPriority }: TaskRuntime,
  options: SendOptions,
  parent: CurrentTask | undefined,
): number | null {
  const inherited = inheritPriority ? parent?.priority : undefined;
  const priority = options.priority ?? inherited ?? defaultPriority;
  return priority === undefined ? null : toPriorityNumber(priority, broker.firstPriority);
}

/** `null` for at once. */
function toDueTime({ countdownMs, eta }: SendOptions): number | null {
  if (countdownMs !== undefined && eta !== undefined) {
    throw invalidOption("eta", "absent when `countdownMs` is given", eta);
  }
  if (eta !== undefined) return toTime("eta", eta);
  if (countdownMs === undefined || assertDuration("countdownMs", countdownMs) === 0) return null;
  return toTimeAfter("countdownMs", countdownMs);
}

/** `null` for never. */
function toExpiry({ expires, expiresInMs }: SendOptions): number | null {
  if (expires !== undefined) return toTime("expires", expires);
  return expiresInMs === undefined ? null : toTimeAfter("expiresInMs", expiresInMs);
}

/** "datetime.max": no later time can be told to Python. */
const LAST_TIME = Date.UTC(9999, 11, 31);

function toTimeAfter(name: string, ms: number): number {
  const time = Math.ceil(Date.now() + ms);
  if (time > LAST_TIME) throw invalidOption(name, "a time before the year 9999 ends", ms);
  return time;
}

function toTime(name: string, date: unknown): number {
  const time = date instanceof Date ? date.getTime() : Number.NaN;
  if (Number.isNaN(time) || Math.abs(time) > LAST_TIME) {
    throw invalidOption(name, "a valid Date before the year 9999 ends", date);
  }
  return time;
}

/** An argument that was left out at the end is left out of the message too. */
function withoutTrailingUndefined(args: readonly unknown[]): readonly unknown[] {
  if (args.length === 0 || args.at(-1) !== undefined) return args;
  return args.slice(0, args.findLastIndex((argument) => argument !== undefined) + 1);
}

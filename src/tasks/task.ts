import type { StandardSchemaV1 } from "@standard-schema/spec";

import { isTidingsError, TidingsError } from "../core/errors.ts";
import { assertKnownOptions, invalidOption } from "../core/options.ts";
import { validate, validateSync } from "../core/schema.ts";
import type { AsyncResult } from "./async-result.ts";
import { assertCallOptions, type CallOptions } from "./call-options.ts";
import type { DeadLetterOptions } from "./dead-letters/dead-letter.ts";
import { assertErrorMatches, type ErrorMatch } from "./error-match.ts";
import { toBindArguments, type KeywordOptions } from "./keyword-arguments.ts";
import { toLimitRules, type LimitOptions, type LimitRule } from "./limits/limit-options.ts";
import { toUniqueRule, type UniqueRule } from "./limits/unique-options.ts";
import { TASK_OPTIONS } from "./option-names.ts";
import { assertRetryOptions, type RetryOptions } from "./retry.ts";
import type { Signature } from "./signature.ts";

/** How a task behaves, and how its calls are sent. */
export interface TaskOptions
  extends RetryOptions, CallOptions, LimitOptions, KeywordOptions, DeadLetterOptions {
  /** Whether its failures are recorded even when `ignoreResult` is set. @default false */
  readonly storeErrorsEvenIfIgnored?: boolean | undefined;
  /** Errors that are to be expected: the log tells of them as of news, not as of errors. @default none */
  readonly throws?: readonly ErrorMatch[] | undefined;
}

/** The options of a task that takes one argument, described by a schema. */
export interface InputTaskOptions<TSchema extends StandardSchemaV1> extends Omit<
  TaskOptions,
  "parameters"
> {
  /** Checked when the task is sent, and again when it runs. Arguments by name are its fields. Any Standard Schema library. */
  readonly input: TSchema;
}

/** How to send one task. */
export interface SendOptions extends CallOptions {
  /** How long it waits before it may run, in milliseconds. It waits in the broker. @default 0 */
  readonly countdownMs?: number | undefined;
  /** When it may run at the earliest, instead of `countdownMs`. */
  readonly eta?: Date | undefined;
  /** When it is no longer worth running, instead of `expiresInMs`: it is then revoked. */
  readonly expires?: Date | undefined;
  /** Its id, at most 255 characters. Use an id once: Redis, as Celery, does not see that one waits. @default a new UUID */
  readonly taskId?: string | undefined;
  /** What is sent when it has succeeded: its result comes first among the arguments. */
  readonly link?: Signature | readonly Signature[] | undefined;
  /** What is sent when it has failed: its id comes first among the arguments. */
  readonly linkError?: Signature | readonly Signature[] | undefined;
  /** What it is called in logs, instead of its name. */
  readonly shadow?: string | undefined;
  /** The first task of its workflow. @default that of the task which sends it, or itself */
  readonly rootId?: string | undefined;
  /** The task that it belongs to. @default the task which sends it */
  readonly parentId?: string | undefined;
  /** The group that it is a member of. */
  readonly groupId?: string | undefined;
  /** Its place in the group, from 0. */
  readonly groupIndex?: number | undefined;
  /** The queue for its outcome, where outcomes are sent rather than stored. */
  readonly replyTo?: string | undefined;
}

/** @internal The options of a call that has none. */
export const NO_OPTIONS: SendOptions = {};

/** A task: a function that can also be sent to a worker. */
export interface Task<TArguments extends readonly unknown[], TReturn> {
  /** Runs the function here and now. */
  (...args: TArguments): TReturn;
  readonly name: string;
  /** Sends it to a worker. */
  delay(...args: TArguments): Promise<AsyncResult<Awaited<TReturn>>>;
  /** Sends it to a worker, with options. */
  applyAsync(args: TArguments, options?: SendOptions): Promise<AsyncResult<Awaited<TReturn>>>;
  /**
   * Sends it many times, 500 calls in one round trip or commit, with the same options.
   *
   * All arguments are checked before the first call is sent. At most 100,000 calls.
   *
   * @throws {SentPartlyError} TASK_SENT_PARTLY when some were sent, and others were not: `outcomes` says which.
   */
  applyMany(
    calls: readonly TArguments[],
    options?: Omit<SendOptions, "taskId">,
  ): Promise<readonly AsyncResult<Awaited<TReturn>>[]>;
  /** A call to be sent later: by whom comes before it, whose result are the arguments that are left out here. */
  s(...args: LastOf<TArguments>): Signature;
  /** A call to be sent later, whatever the result of what comes before it: immutable. */
  si(...args: TArguments): Signature;
}

/** The last elements of a list: all, some or none. */
export type LastOf<T extends readonly unknown[]> = T extends readonly [unknown, ...infer Rest]
  ? T | LastOf<Rest>
  : T;

/** What a worker knows of a task. */
export interface TaskDefinition {
  readonly name: string;
  readonly options: TaskOptions;
  /** What its runs must get past. */
  readonly limits: readonly LimitRule[];
  /** Which of its calls are sent. */
  readonly unique: UniqueRule | undefined;
  /** Throws TASK_INVALID_ARGUMENTS when the arguments do not fit the schema, if there is one. */
  readonly checkArguments: ((args: readonly unknown[]) => Promise<void>) | undefined;
  /** The same at once. Throws APP_INVALID_DEFINITION when the schema has to wait for something. */
  readonly checkArgumentsNow: ((args: readonly unknown[]) => void) | undefined;
  /** Throws TASK_INVALID_ARGUMENTS when the function cannot be called with what a message would carry. */
  checkCall(args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>): Promise<void>;
  /** Calls the function with what a message carries. */
  run(args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>): unknown;
}

/** The function of a task, whatever its arguments: what came is checked by its schema, or is its own. */
export type TaskFunction = (...args: readonly never[]) => unknown;

/** Name, options and function of a task, as its author wrote them. */
export interface TaskSource {
  readonly name: string;
  readonly options: TaskOptions & { readonly input?: StandardSchemaV1 | undefined };
  readonly run: TaskFunction;
}

/**
 * Checks what an author wrote, and returns what a worker needs.
 *
 * @throws {TidingsError} APP_INVALID_DEFINITION for a name or function that makes no sense.
 * @throws {TidingsError} OPTION_INVALID for an option that makes no sense.
 */
export function defineTask({ name, options, run }: TaskSource): TaskDefinition {
  assertName("the name of a task", name);
  if (typeof run !== "function") {
    throw invalidDefinition(`expected task \`${name}\` to have a function, got ${typeof run}`);
  }
  assertKnownOptions(`task ${name}`, options, TASK_OPTIONS);
  assertCallOptions(options);
  assertRetryOptions(options);
  assertErrorMatches("throws", options.throws);
  const limits = toLimitRules(name, options);
  const unique = toUniqueRule(name, options);
  const call = (...args: readonly unknown[]): unknown => Reflect.apply(run, undefined, args);
  const bind = toBindArguments(name, options);
  const { input } = options;
  if (input === undefined) {
    return {
      name,
      options,
      limits,
      unique,
      checkArguments: undefined,
      checkArgumentsNow: undefined,
      checkCall: async (args, kwargs) => void bind(args, kwargs),
      run: (args, kwargs) => call(...bind(args, kwargs)),
    };
  }
  if (options.parameters !== undefined) {
    throw invalidOption("parameters", "absent when `input` is given", options.parameters);
  }
  if (typeof input["~standard"]?.validate !== "function") {
    throw invalidDefinition(`expected \`input\` of task \`${name}\` to be a Standard Schema`);
  }
  return {
    name,
    options,
    limits,
    unique,
    checkArguments: async (args) => void (await checkInput(name, input, args[0])),
    checkArgumentsNow: (args) => checkInputNow(name, input, args[0]),
    checkCall: async (args, kwargs) => void (await checkInput(name, input, args[0] ?? kwargs)),
    run: async (args, kwargs) => call(await checkInput(name, input, args[0] ?? kwargs)),
  };
}

const MAX_NAME_LENGTH = 255;

/** Throws APP_INVALID_DEFINITION unless it is text that can name a task or a queue. */
export function assertName(what: string, name: unknown): void {
  if (typeof name === "string" && name.trim() !== "" && name.length <= MAX_NAME_LENGTH) return;
  const got = typeof name === "string" ? `${name.length} characters` : typeof name;
  throw invalidDefinition(
    `expected ${what} to be text of 1 to ${MAX_NAME_LENGTH} characters, got ${got}`,
  );
}

async function checkInput(
  name: string,
  schema: StandardSchemaV1,
  input: unknown,
): Promise<unknown> {
  try {
    return await validate(schema, input, `the input of task ${name}`);
  } catch (error) {
    throw toArgumentsError(error);
  }
}

function checkInputNow(name: string, schema: StandardSchemaV1, input: unknown): void {
  try {
    validateSync(schema, input, `the input of task ${name}`);
  } catch (error) {
    throw toArgumentsError(error);
  }
}

function toArgumentsError(error: unknown): unknown {
  if (!isTidingsError(error, "MESSAGE_INVALID")) return error;
  return new TidingsError("TASK_INVALID_ARGUMENTS", error.message, { cause: error.cause });
}

function invalidDefinition(message: string): TidingsError {
  return new TidingsError("APP_INVALID_DEFINITION", message);
}

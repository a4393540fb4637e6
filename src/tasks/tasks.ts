import type { StandardSchemaV1 } from "@standard-schema/spec";

import { TidingsError } from "../core/errors.ts";
import { assertLogger, silentLogger, type Logger } from "../core/logger.ts";
import { assertKnownOptions, assertPositiveInteger, invalidOption } from "../core/options.ts";
import { withoutCredentials } from "../core/without-credentials.ts";
import { AsyncResult } from "./async-result.ts";
import type { Broker } from "./brokers/broker.ts";
import { openBroker, type BrokerSettings } from "./brokers/open-broker.ts";
import type { QueueContents } from "./brokers/queue-contents.ts";
import { cancelTask } from "./cancel-task.ts";
import { Control } from "./control/control.ts";
import { runAs } from "./current-task.ts";
import { DeadLetters } from "./dead-letters/dead-letters.ts";
import { GroupResult } from "./group-result.ts";
import { assertLimits } from "./limits/find-limits.ts";
import { localTask } from "./local-task.ts";
import { toMessageFormat, type MessageFormat } from "./message/message-format.ts";
import { TASKS_OPTIONS } from "./option-names.ts";
import type { OutboxStore } from "./outbox/outbox-store.ts";
import { Outbox, type OutboxOptions } from "./outbox/outbox.ts";
import type { PreparedCall, TaskCall } from "./prepare-call.ts";
import { assertPriority, type Priority } from "./priority.ts";
import { openResults } from "./results/open-results.ts";
import type { ResultStore } from "./results/result-store.ts";
import { Results } from "./results/results.ts";
import { createRouter, type Route, type RouteFunction } from "./routes.ts";
import { sendMany } from "./send-many.ts";
import { sendCall } from "./send.ts";
import { Signature, type SignatureParts } from "./signature.ts";
import type { TaskRuntime } from "./task-runtime.ts";
import {
  assertName,
  defineTask,
  NO_OPTIONS,
  type InputTaskOptions,
  type SendOptions,
  type Task,
  type TaskDefinition,
  type TaskFunction,
  type TaskOptions,
  type TaskSource,
} from "./task.ts";
import {
  assertWorkerDefaults,
  withWorkerDefaults,
  type WorkerDefaults,
  type WorkerOptions,
} from "./worker/worker-options.ts";
import { Worker } from "./worker/worker.ts";

/** What all tasks of a set have in common. */
export interface TaskSettings extends MessageFormat, BrokerSettings {
  /** The queue of tasks that name none. @default "celery" */
  readonly defaultQueue?: string | undefined;
  /** The priority of calls that name none. @default that of Celery: 0, which is first on Redis and last on RabbitMQ */
  readonly defaultPriority?: Priority | undefined;
  /** Whether a call that a task sends, and that has no priority, has that of the task. @default false */
  readonly inheritPriority?: boolean | undefined;
  /** How calls are sent whose task does not say: the first route that fits decides. Workers do not look at them. */
  readonly routes?: readonly (Route | RouteFunction)[] | undefined;
  /** The bound of a call's arguments and of a result, in bytes of JSON. @default 1_048_576 */
  readonly maxMessageBytes?: number | undefined;
  /** How long the record of a task that ended is kept, in milliseconds. @default 86_400_000 */
  readonly resultExpiresMs?: number | undefined;
  /** Whether records tell where a task failed: names of functions and files, for all who may read them. @default false */
  readonly tracebacks?: boolean | undefined;
  /** How workers work that do not say otherwise. */
  readonly worker?: WorkerDefaults | undefined;
}

/** How to make {@link Tasks}. */
export interface TasksOptions extends TaskSettings {
  /** Where messages wait: a URL (`sqlite:./data/tasks.db`, `redis://localhost/0`, `memory:`) or a broker. */
  readonly broker: string | Broker;
  /** Where records are kept: a URL or a store. The broker's own URL is fastest. */
  readonly results: string | ResultStore;
  /** @default none */
  readonly logger?: Logger | undefined;
}

/** How to send a task by name. */
export interface SendTaskOptions extends SendOptions {
  /** Arguments by name, for tasks written in Python. */
  readonly kwargs?: Readonly<Record<string, unknown>> | undefined;
}

/** A call of a task by its name. */
export interface NamedCall extends SendTaskOptions {
  readonly name: string;
  readonly args?: readonly unknown[] | undefined;
}

/**
 * A set of tasks: what is registered, how to send it, and what became of it.
 *
 * Delivery: at least once. A task that was accepted ends in exactly one recorded outcome.
 */
export class Tasks implements AsyncDisposable {
  /** The records of tasks. */
  readonly results: Results;
  /** Speaks to the workers. */
  readonly control: Control;
  /** What lies in the queues. */
  readonly queues: QueueContents;
  /** What the workers gave up. */
  readonly deadLetters: DeadLetters;
  readonly #runtime: TaskRuntime;
  readonly #definitions = new Map<string, TaskDefinition>();
  readonly #worker: WorkerDefaults;
  readonly #owned: readonly AsyncDisposable[];
  readonly #closing = new AbortController();

  /** @internal Use {@link createTasks}. */
  constructor(options: TasksOptions) {
    assertKnownOptions("a set of tasks", options, TASKS_OPTIONS);
    const { broker, results, logger = silentLogger, defaultQueue = "celery" } = options;
    const { defaultPriority, inheritPriority = false, routes = [] } = options;
    const { maxMessageBytes = 1_048_576, resultExpiresMs = 86_400_000, worker = {} } = options;
    assertPlace("broker", broker);
    assertPlace("results", results);
    assertLogger(logger);
    assertName("`defaultQueue`", defaultQueue);
    if (defaultPriority !== undefined) assertPriority("defaultPriority", defaultPriority);
    assertPositiveInteger("maxMessageBytes", maxMessageBytes);
    assertPositiveInteger("resultExpiresMs", resultExpiresMs);
    assertWorkerDefaults(worker);
    this.#worker = worker;
    const findRoute = routes.length === 0 ? undefined : createRouter(routes);
    const openedBroker = typeof broker === "string" ? openBroker(broker, options) : broker;
    const openedResults =
      typeof results === "string"
        ? openResults(results, { ...options, broker, expiresMs: resultExpiresMs })
        : results;
    // Who was passed in is closed by whoever made it.
    this.#owned = [
      ...(typeof broker === "string" ? [openedBroker] : []),
      ...(typeof results === "string" ? [openedResults] : []),
    ];
    this.#runtime = {
      broker: openedBroker,
      results: openedResults,
      places: { broker: toPlace(broker), results: toPlace(results) },
      definitions: this.#definitions,
      closing: this.#closing.signal,
      logger,
      defaultQueue,
      defaultPriority,
      inheritPriority,
      findRoute,
      maxMessageBytes,
      format: toMessageFormat(options),
      resultExpiresMs,
      tracebacks: options.tracebacks ?? false,
    };
    this.results = new Results(openedResults);
    this.control = new Control(openedBroker.control);
    this.queues = openedBroker.contents;
    this.deadLetters = new DeadLetters(openedBroker, openedResults);
  }

  /** @internal What workers and callers have in common. */
  get runtime(): TaskRuntime {
    return this.#runtime;
  }

  /** The names of the registered tasks. */
  get names(): readonly string[] {
    return [...this.#definitions.keys()];
  }

  /**
   * Registers a task that takes one argument, described by a schema.
   *
   * @throws {TidingsError} APP_INVALID_DEFINITION when the name is empty or taken.
   * @throws {TidingsError} OPTION_INVALID when an option makes no sense.
   */
  task<TSchema extends StandardSchemaV1, TReturn>(
    name: string,
    options: InputTaskOptions<TSchema>,
    run: (input: StandardSchemaV1.InferOutput<TSchema>) => TReturn,
  ): Task<[input: StandardSchemaV1.InferInput<TSchema>], Promise<Awaited<TReturn>>>;
  /** Registers a task with options. */
  task<TArguments extends readonly unknown[], TReturn>(
    name: string,
    options: TaskOptions & { readonly input?: undefined },
    run: (...args: TArguments) => TReturn,
  ): Task<TArguments, TReturn>;
  /** Registers a task. */
  task<TArguments extends readonly unknown[], TReturn>(
    name: string,
    run: (...args: TArguments) => TReturn,
  ): Task<TArguments, TReturn>;
  task(
    name: string,
    ...rest: readonly [TaskFunction] | readonly [TaskSource["options"], TaskFunction]
  ): Task<readonly unknown[], unknown> {
    const [options, run] = rest.length === 1 ? [{}, rest[0]] : rest;
    const definition = defineTask({ name, options, run });
    if (this.#definitions.has(name)) {
      const message = `a task named \`${name}\` is registered already; names are used once`;
      throw new TidingsError("APP_INVALID_DEFINITION", message);
    }
    assertLimits(this.#runtime, definition);
    this.#definitions.set(name, definition);
    return this.#toTask(definition);
  }

  /** Sends a task that is registered elsewhere, in Python for example. */
  async sendTask(
    name: string,
    args: readonly unknown[] = [],
    { kwargs, ...options }: SendTaskOptions = {},
  ): Promise<AsyncResult> {
    assertName("the name of a task", name);
    return this.#send({ task: name, args, kwargs, options });
  }

  /**
   * Sends tasks by their names, 500 in one round trip or commit. At most 100,000.
   *
   * @throws {SentPartlyError} TASK_SENT_PARTLY when some were sent, and others were not: `outcomes` says which.
   */
  async sendMany(calls: readonly NamedCall[]): Promise<readonly AsyncResult[]> {
    for (const { name } of calls) assertName("the name of a task", name);
    return this.#sendMany(
      calls.map(({ name: task, args = [], kwargs, ...options }) => ({
        task,
        args,
        kwargs,
        options,
      })),
    );
  }

  /** A call of a task that is registered elsewhere, to be sent later. */
  signature(
    task: string,
    args: readonly unknown[] = [],
    parts: Omit<SignatureParts, "task" | "args"> = {},
  ): Signature {
    return new Signature({ ...parts, task, args });
  }

  /** What becomes of the task with an id. */
  result(id: string): AsyncResult {
    return new AsyncResult(id, this);
  }

  /** What becomes of the tasks of a group that Celery or a workflow has saved; `null` if it is not known. */
  async groupResult(id: string): Promise<GroupResult | null> {
    const group = await this.results.group(id);
    return group && new GroupResult(group, this);
  }

  /**
   * Cancels a task.
   *
   * One that waits is REVOKED and never runs. For one that runs, in whatever process, its signal fires
   * within a second; it is REVOKED when its function ends, 5 seconds later at the latest.
   *
   * @returns whether there was something to cancel: a task that ended is not changed. On Redis and RabbitMQ,
   *   which cannot look into their queues, what is not known to have ended counts as something.
   */
  async cancel(id: string): Promise<boolean> {
    return (await cancelTask(this.#runtime, id)) !== "nothing";
  }

  /** Makes a worker that runs the registered tasks. */
  createWorker({ logger = this.#runtime.logger, ...options }: WorkerOptions = {}): Worker {
    assertLogger(logger);
    return new Worker({ ...this.#runtime, logger }, withWorkerDefaults(options, this.#worker));
  }

  /**
   * Makes an outbox in a database of yours: calls that are sent if a transaction commits.
   *
   * @example
   * const outbox = tasks.createOutbox(new SqliteOutbox("./data/shop.db"));
   *
   * @throws {TidingsError} OPTION_INVALID when an option makes no sense.
   */
  createOutbox<TTransaction>(
    store: OutboxStore<TTransaction>,
    options: OutboxOptions = {},
  ): Outbox<TTransaction> {
    const toResult = (call: PreparedCall): AsyncResult => this.#toResult(call);
    return new Outbox(store, { runtime: this.#runtime, toResult }, options);
  }

  /**
   * Closes broker and results, if they were given as URLs. Stop workers first.
   *
   * Whoever waits for a result, or follows records, gets STORAGE_UNAVAILABLE.
   */
  async close(): Promise<void> {
    this.#closing.abort();
    this.results.close();
    await Promise.all(this.#owned.map((store) => store[Symbol.asyncDispose]()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #toTask(definition: TaskDefinition): Task<readonly unknown[], unknown> {
    const { name } = definition;
    const applyAsync = async (
      args: readonly unknown[],
      options: SendOptions = NO_OPTIONS,
    ): Promise<AsyncResult> => {
      if (definition.checkArguments) await definition.checkArguments(args);
      return this.#toResult(await sendCall(this.#runtime, { task: name, args, options }));
    };
    const applyMany = async (
      calls: readonly (readonly unknown[])[],
      options: SendOptions = NO_OPTIONS,
    ): Promise<readonly AsyncResult[]> => {
      if (options.taskId !== undefined && calls.length > 1) {
        throw invalidOption("taskId", "absent: each call has an id of its own", options.taskId);
      }
      for (const args of calls) await definition.checkArguments?.(args);
      return this.#sendMany(calls.map((args) => ({ task: name, args, options })));
    };
    const call = (...args: readonly unknown[]): unknown => {
      const current = localTask(name);
      return runAs(
        () => current,
        () => definition.run(args, {}),
      );
    };
    const task = Object.assign(call, {
      delay: (...args: readonly unknown[]) => applyAsync(args),
      applyAsync,
      applyMany,
      s: (...args: readonly unknown[]) => new Signature({ task: name, args }),
      si: (...args: readonly unknown[]) => new Signature({ task: name, args, immutable: true }),
    });
    return Object.defineProperty(task, "name", { value: name });
  }

  async #send(call: TaskCall): Promise<AsyncResult> {
    return this.#toResult(await sendCall(this.#runtime, call));
  }

  #sendMany(calls: readonly TaskCall[]): Promise<readonly AsyncResult[]> {
    return sendMany(this.#runtime, calls, (sent) => this.#toResult(sent));
  }

  #toResult(sent: PreparedCall): AsyncResult {
    return new AsyncResult(sent.id, this, sent);
  }
}

/**
 * Makes a set of tasks.
 *
 * @example
 * const tasks = createTasks({ broker: "sqlite:./tasks.db", results: "sqlite:./tasks.db" });
 * const add = tasks.task("tasks.add", (x: number, y: number) => x + y);
 * await tasks.createWorker().start();
 * const sum = await (await add.delay(1, 2)).get();
 *
 * @throws {TidingsError} APP_INVALID_URL when a URL names no known driver.
 * @throws {TidingsError} STORAGE_UNAVAILABLE when a file cannot be opened.
 */
export function createTasks(options: TasksOptions): Tasks {
  return new Tasks(options);
}

function assertPlace(name: string, place: unknown): void {
  if (typeof place === "string" || (typeof place === "object" && place !== null)) return;
  throw invalidOption(name, "a URL or what it opens", place);
}

function toPlace(source: string | object): string {
  return typeof source === "string" ? withoutCredentials(source) : source.constructor.name;
}

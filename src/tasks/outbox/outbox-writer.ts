import { TidingsError } from "../../core/errors.ts";
import type { AsyncResult } from "../async-result.ts";
import { prepareCall, type PreparedCall } from "../prepare-call.ts";
import type { TaskRuntime } from "../task-runtime.ts";
import { NO_OPTIONS, type SendOptions, type Task } from "../task.ts";
import { writeCall } from "./outbox-call.ts";
import type { OutboxEntry } from "./outbox-store.ts";

/** What an outbox needs of its tasks. */
export interface OutboxTasks {
  readonly runtime: TaskRuntime;
  readonly toResult: (call: PreparedCall) => AsyncResult;
}

/** Writes calls down in one transaction. */
export class OutboxWriter {
  readonly #tasks: OutboxTasks;
  readonly #write: (entries: readonly OutboxEntry[]) => Promise<void>;

  /** @internal Use `outbox.in(transaction)`. */
  constructor(tasks: OutboxTasks, write: (entries: readonly OutboxEntry[]) => Promise<void>) {
    this.#tasks = tasks;
    this.#write = write;
  }

  /**
   * Writes a call down; it is sent when the transaction has committed.
   *
   * With SQLite this is done when the call returns, not later: nothing needs to be awaited in the middle of
   * a transaction. The schema of a task must therefore be synchronous.
   *
   * @throws {TidingsError} OPTION_INVALID, TASK_INVALID_ARGUMENTS or TASK_TOO_LARGE, as `applyAsync` does.
   */
  send<TArguments extends readonly unknown[], TReturn>(
    task: Task<TArguments, TReturn>,
    args: TArguments,
    options?: SendOptions,
  ): Promise<AsyncResult<Awaited<TReturn>>>;
  /** Writes a call of a task down that is registered elsewhere. */
  send(task: string, args: readonly unknown[], options?: SendOptions): Promise<AsyncResult>;
  // Not `async`, and nothing is awaited before `write`.
  send(
    task: string | { readonly name: string },
    args: readonly unknown[],
    options: SendOptions = NO_OPTIONS,
  ): Promise<AsyncResult> {
    const name = typeof task === "string" ? task : task.name;
    return Promise.try(() => {
      const { runtime, toResult } = this.#tasks;
      runtime.definitions.get(name)?.checkArgumentsNow?.(args);
      const call = prepareCall(runtime, { task: name, args, options });
      if (call.unique) throw uniqueError(name);
      return this.#write([writeCall(call)]).then(() => toResult(call));
    });
  }
}

function uniqueError(name: string): TidingsError {
  return new TidingsError(
    "OPTION_INVALID",
    `task ${name} is unique, debounced or throttled: which of its calls are sent is decided when they are sent, so they cannot wait in an outbox`,
  );
}

import type { TaskMessage, TimeLimits } from "../message/message.ts";
import type { TaskDefinition } from "../task.ts";
import { assertTimeLimits, type TimeLimitOptions } from "./time-limits.ts";

/** How long tasks may run in one worker, which may change while it works. */
export class TaskTimeLimits {
  /** For tasks that have none of their own. */
  readonly defaults: TimeLimitOptions;
  readonly #changed = new Map<string, TimeLimitOptions>();

  constructor(defaults: TimeLimitOptions) {
    this.defaults = defaults;
  }

  /** Changes those of a task: of the runs that begin from now on. */
  set(task: string, limits: TimeLimitOptions): void {
    assertTimeLimits(limits);
    this.#changed.set(task, limits);
  }

  /** Those of a run: its message's, else its task's, else the worker's. */
  of(
    { timeLimits: { hardMs, softMs } }: TaskMessage,
    { name, options }: TaskDefinition,
  ): TimeLimits {
    const { timeLimitMs, softTimeLimitMs } = this.#changed.get(name) ?? options;
    return {
      hardMs: hardMs ?? timeLimitMs ?? this.defaults.timeLimitMs ?? null,
      softMs: softMs ?? softTimeLimitMs ?? this.defaults.softTimeLimitMs ?? null,
    };
  }
}

import { writeTypedJson } from "../../message/typed-json.ts";
import { checkCustomState, type CustomState } from "../../results/custom-state.ts";
import type { TaskProgress } from "../../results/task-record.ts";
import { checkProgress, MAX_CHILDREN, MAX_LOG_LINES, STORE_INTERVAL_MS } from "../report.ts";
import type { TaskAbort } from "../task-abort.ts";
import type { FromChild } from "./child-messages.ts";
import type { TaskVoice } from "./to-current-task.ts";

/**
 * What a task says in a thread or process, on its way to the pool.
 *
 * Sent at once, and then at most as often as it is stored. In between the latest progress counts, and as
 * many log lines as a record has. A function that never waits is heard all the same.
 */
export class ChildVoice implements TaskVoice {
  readonly fail: (error: Error) => void;
  /** Rejects when the task ends with an error that its function did not throw. */
  readonly failed: Promise<never>;
  readonly #abort: TaskAbort;
  readonly #post: (message: FromChild) => void;
  #progress: TaskProgress | undefined;
  #custom: CustomState | undefined;
  #lines: string[] = [];
  #children: string[] = [];
  #childCount = 0;
  #sentAt = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  constructor(abort: TaskAbort, post: (message: FromChild) => void) {
    this.#abort = abort;
    this.#post = post;
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => {}); // most tasks never do
    this.fail = reject;
    this.failed = promise;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  progress(progress: TaskProgress): void {
    this.#progress = checkProgress(progress);
    this.#say();
  }

  updateState(custom: CustomState): void {
    this.#custom = checkCustomState(custom);
    this.#say();
  }

  noteChild(id: string): void {
    if (++this.#childCount > MAX_CHILDREN) return;
    this.#children.push(id);
    this.#say();
  }

  log(text: string): void {
    this.#lines.push(text);
    if (this.#lines.length > MAX_LOG_LINES) this.#lines.shift();
    this.#say();
  }

  /** Sends what is left to say. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const said = {
      progress: this.#progress,
      custom: this.#custom && toText(this.#custom),
      lines: this.#lines,
      children: this.#children,
    };
    const { progress, custom, lines, children } = said;
    if (!progress && !custom && lines.length === 0 && children.length === 0) return;
    this.#post({ kind: "said", ...said });
    this.#progress = undefined;
    this.#custom = undefined;
    this.#lines = [];
    this.#children = [];
    this.#sentAt = performance.now();
  }

  #say(): void {
    const waitMs = this.#sentAt + STORE_INTERVAL_MS - performance.now();
    if (waitMs <= 0) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), waitMs);
  }
}

/** Typed values cross as text. */
function toText({ state, meta }: CustomState): string {
  return writeTypedJson({ state, meta }, "a state");
}

import { AsyncLocalStorage } from "node:async_hooks";

/**
 * What ends a task: a signal that fires inside it.
 *
 * A listener runs where the signal was first asked for, so that `currentTask()` knows the task there
 * too, whoever ends it. The first reason counts, also for those who ask later.
 */
export class TaskAbort {
  #reason: Error | undefined;
  #controller: AbortController | undefined;
  #inTask: (<T>(run: () => T) => T) | undefined;

  /** Made when it is first asked for: most tasks never look at it. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      this.#inTask = AsyncLocalStorage.snapshot();
      if (this.#reason) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  abort(reason: Error): void {
    this.#reason ??= reason;
    this.#inTask?.(() => this.#controller?.abort(reason));
  }
}

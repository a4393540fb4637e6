import { toError } from "../../core/errors.ts";
import { findCurrentTask, type RunningTask } from "../current-task.ts";

/** What the log says of a rejected promise. */
export const STRAY_REJECTION = "a promise was rejected, and nobody handles it; its task goes on";

/** Told of what a task has left behind, and by which task, where that is known. */
export interface StrayErrorListener {
  /** A promise was rejected, and nobody handles it. The task goes on. */
  onRejection(error: Error, task: RunningTask | undefined): void;
  /** A callback threw. The task has failed with it; what this process holds may be half-done. */
  onException(error: Error, task: RunningTask | undefined): void;
}

/**
 * Hears, for the whole process or thread, what tasks leave behind where no `await` leads back to them.
 *
 * Without it Node.js ends the process at the first, and with it every other task. Which task it was is
 * told by the asynchronous context.
 */
export function hearStrayErrors(listener: StrayErrorListener): Disposable {
  const onRejection = (reason: unknown): void =>
    listener.onRejection(toError(reason), findCurrentTask());
  const onException = (thrown: unknown): void => {
    const task = findCurrentTask();
    const error = toError(thrown);
    task?.fail?.(error);
    listener.onException(error, task);
  };
  process.on("unhandledRejection", onRejection);
  process.on("uncaughtException", onException);
  return {
    [Symbol.dispose]() {
      process.off("unhandledRejection", onRejection);
      process.off("uncaughtException", onException);
    },
  };
}

import { findCurrentTask, type CurrentTask } from "./current-task.ts";
import { newTaskId } from "./task-id.ts";

/** A signal that never fires. */
const never = new AbortController().signal;

/**
 * Returns the current task of a function that is called directly, without worker or message.
 *
 * What it says about itself goes nowhere. Inside another task it shares that task's signal.
 */
export function localTask(name: string): CurrentTask {
  const id = newTaskId();
  const parent = findCurrentTask();
  return {
    id,
    name,
    args: [],
    kwargs: {},
    headers: {},
    queue: null,
    retries: 0,
    runs: 1,
    rootId: parent?.rootId ?? id,
    parentId: parent?.id ?? null,
    groupId: null,
    eta: null,
    expires: null,
    priority: null,
    origin: null,
    replyTo: null,
    workerName: null,
    deadline: parent?.deadline ?? null,
    signal: parent?.signal ?? never,
    progress: () => Promise.resolve(),
    updateState: () => Promise.resolve(),
    log: () => Promise.resolve(),
  };
}

import type { RunningTask } from "../../current-task.ts";
import type { TaskMessage } from "../../message/message.ts";
import type { CustomState } from "../../results/custom-state.ts";
import type { TaskProgress } from "../../results/task-record.ts";

/** What is known of a run besides its message. It crosses to threads and processes as it is. */
export interface RunFacts {
  readonly queue: string;
  readonly runs: number;
  readonly workerName: string;
  /** When the run is ended, in milliseconds since 1970. */
  readonly deadline: number | null;
}

/** How a running task speaks, and what it hears. */
export interface TaskVoice {
  readonly signal: AbortSignal;
  progress(progress: TaskProgress): void;
  updateState(custom: CustomState): void;
  log(text: string): void;
  /** Says that the task has sent another one. */
  noteChild(id: string): void;
  /** Ends the task with an error that its function did not throw. */
  fail(error: Error): void;
}

/** Returns a task as its own function sees it. */
export function toCurrentTask(
  message: TaskMessage,
  { queue, runs, workerName, deadline }: RunFacts,
  voice: TaskVoice,
): RunningTask {
  const { id, task, args, kwargs, headers, retries, rootId, parentId } = message;
  const { group, eta, expires, priority, origin, replyTo } = message;
  return {
    id,
    name: task,
    args,
    kwargs,
    headers,
    queue,
    retries,
    runs,
    rootId,
    parentId,
    groupId: group,
    eta: toDate(eta),
    expires: toDate(expires),
    priority,
    origin,
    replyTo,
    workerName,
    deadline: toDate(deadline),
    get signal() {
      return voice.signal;
    },
    progress: async (progress) => voice.progress(progress),
    updateState: async (state, meta = null) => voice.updateState({ state, meta }),
    log: async (text) => voice.log(text),
    noteChild: (child) => voice.noteChild(child),
    fail: (error) => voice.fail(error),
  };
}

function toDate(time: number | null): Date | null {
  return time === null ? null : new Date(time);
}

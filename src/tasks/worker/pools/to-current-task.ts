import type { CurrentTask } from "../../current-task.ts";
import type { TaskMessage } from "../../message/message.ts";
import type { TaskProgress } from "../../results/task-record.ts";

/** What is known of a run besides its message. It crosses to threads and processes as it is. */
export interface RunFacts {
  readonly queue: string;
  readonly runs: number;
  /** When the run is ended, in milliseconds since 1970. */
  readonly deadline: number | null;
}

/** How a running task speaks, and what it hears. */
export interface TaskVoice {
  readonly signal: AbortSignal;
  progress(progress: TaskProgress): void;
  log(text: string): void;
}

/** Returns a task as its own function sees it. */
export function toCurrentTask(
  { id, task, retries, rootId, parentId }: TaskMessage,
  { queue, runs, deadline }: RunFacts,
  voice: TaskVoice,
): CurrentTask {
  return {
    id,
    name: task,
    queue,
    retries,
    runs,
    rootId,
    parentId,
    deadline: deadline === null ? null : new Date(deadline),
    get signal() {
      return voice.signal;
    },
    progress: async (progress) => voice.progress(progress),
    log: async (text) => voice.log(text),
  };
}

import type { TaskError } from "../results/task-record.ts";
import type { Execution } from "../worker/execution.ts";
import type { DeadLetterReason, Death } from "./dead-letter.ts";

/** What makes an ending a dead letter: the task could not run at all, or it keeps what fails. */
export function deathOf(execution: Execution, error: TaskError): Death | null {
  const { definition, record } = execution;
  const { name: task } = record;
  const reason = definition ? reasonOfRun(execution) : reasonOf(error);
  const hasRun = reason === "failed" || reason === "rejected";
  if (hasRun && !isKept(execution, task)) return null;
  return { task, reason, error, diedAt: record.finishedAt ?? Date.now() };
}

function reasonOfRun({ outcome }: Execution): DeadLetterReason {
  return outcome?.kind === "rejected" ? "rejected" : "failed";
}

function isKept({ context, definition }: Execution, task: string | null): boolean {
  const { options } = definition ?? context.runtime.definitions.get(task ?? "") ?? {};
  return options?.deadLetter === true;
}

/** Of what failed in an earlier run, too, which died before the message was a dead letter. */
function reasonOf({ type }: TaskError): DeadLetterReason {
  if (type === "TASK_WORKER_LOST") return "poisoned";
  if (type === "TASK_NOT_REGISTERED") return "unregistered";
  return type.startsWith("MESSAGE_") ? "unreadable" : "failed";
}

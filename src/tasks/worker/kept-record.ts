import type { TaskRecord } from "../results/task-record.ts";
import { isFinal } from "../states.ts";
import type { Execution } from "./execution.ts";

/**
 * Whether nobody asks what becomes of a run: the call says so, or the task.
 *
 * What could not run at all is recorded all the same.
 */
export function isIgnored({ message, definition }: Execution): boolean {
  return (
    definition !== undefined && (message?.ignoreResult || definition.options.ignoreResult) === true
  );
}

/** The record of how a run ended, if it is to be kept. */
export function keptRecord(execution: Execution, record: TaskRecord): TaskRecord | null {
  const { outcome } = execution;
  if (outcome?.kind === "ignored" || outcome?.kind === "rejected") return null;
  // It is that of a later try.
  if (outcome?.kind === "stored-before" && !isFinal(record.state)) return null;
  if (!isIgnored(execution)) return record;
  const keepsErrors = execution.definition?.options.storeErrorsEvenIfIgnored === true;
  return keepsErrors && record.error ? record : null;
}

import { isFinal, type TaskRecord } from "../tasks/index.ts";
import { printJson } from "./print-json.ts";

/** How to report a record. */
export interface ReportRecordOptions {
  /** All that is known, as one line of JSON. */
  readonly json?: boolean | undefined;
  /** Where it failed, too. */
  readonly traceback?: boolean | undefined;
}

/** The exit code that says: it has not ended yet. */
const NOT_ENDED = 3;

/**
 * Prints what became of a task: its result on standard output, anything else on standard error.
 *
 * Sets the exit code: 0 for a success, 1 for a failure or a revoked task, 3 for one that has not ended.
 */
export async function reportRecord(
  record: TaskRecord,
  { json, traceback }: ReportRecordOptions,
): Promise<void> {
  const { id, name, state, result, error } = record;
  if (!isFinal(state)) process.exitCode = NOT_ENDED;
  else if (state !== "SUCCESS") process.exitCode = 1;
  if (json) {
    await printJson(record);
    return;
  }
  if (state === "SUCCESS") {
    await printJson(result);
    return;
  }
  const why = error ? `: ${error.type}: ${error.message}` : "";
  process.stderr.write(`${id} ${name ?? ""} ${state}${why}\n`.replaceAll(/ {2,}/g, " "));
  if (traceback && record.traceback) process.stderr.write(`${record.traceback.trimEnd()}\n`);
}

import type { Logger } from "../../core/logger.ts";
import { matchesError } from "../error-match.ts";
import type { TaskRecord } from "../results/task-record.ts";
import type { Execution } from "./execution.ts";

/** Tells the operator that a worker has died, of which nobody else may know: its task runs again here. */
export function reportRunAgain({ delivery, record }: Execution, logger: Logger): void {
  const { id, runs, lostLeases } = delivery;
  const fields = { task: record.name, id, runs, workersLost: lostLeases };
  logger.warn(fields, "task runs again: the worker that had it died, or lost its lease");
}

/** Tells the operator how a run ended: names and errors, never arguments or results. */
export function reportOutcome(execution: Execution, logger: Logger): void {
  const { record, delivery, message, outcome } = execution;
  const task = message?.shadow ?? record.name;
  // What is on record may be of another run.
  const { runs } = delivery;
  const fields = { task, id: record.id, runs, retries: message?.retries ?? 0 };
  switch (outcome?.kind) {
    case "failure":
      reportFailure({ ...fields, err: outcome.error }, execution, logger);
      return;
    case "revoked":
      logger.info({ ...fields, reason: outcome.error.message }, "task revoked");
      return;
    case "ignored":
      logger.info(fields, "task ignored");
      return;
    case "rejected": {
      const { requeue, message: reason } = outcome.error;
      logger.info({ ...fields, reason, requeue }, "task rejected");
      return;
    }
    case "handed-back":
      logger.info(fields, "task handed back");
      return;
    case "worker-lost":
      logger.warn({ ...fields, err: outcome.error }, "task was lost; it runs again");
      return;
    case "lost":
      logger.warn(
        { ...fields, code: "TASK_LEASE_LOST" },
        "task is no longer held by this worker; its outcome is dropped",
      );
      return;
    case "waiting":
      logger.debug({ ...fields, waitMs: outcome.wait.waitMs }, "task waits for its turn");
      return;
    case "stored-before":
      logger.debug(fields, "task had ended before");
      return;
    case "success":
      logger.info({ ...fields, durationMs: durationOf(record) }, "task succeeded");
      return;
    case undefined:
      logger.debug(fields, "task done");
  }
}

function durationOf({ startedAt, finishedAt }: TaskRecord): number | undefined {
  return startedAt === null || finishedAt === null ? undefined : finishedAt - startedAt;
}

function reportFailure(
  fields: { readonly err: Error },
  { record: { state, retryAt }, definition }: Execution,
  logger: Logger,
): void {
  if (matchesError(fields.err, definition?.options.throws ?? [])) {
    logger.info(fields, "task failed, as it may");
  } else if (state !== "RETRY") logger.error(fields, "task failed");
  else logger.warn({ ...fields, retryAt }, "task failed and will be tried again");
}

import type { Logger } from "../../core/logger.ts";
import type { TaskRecord } from "../results/task-record.ts";
import type { Execution } from "./execution.ts";

/** Tells the operator how a run ended: names and errors, never arguments or results. */
export function reportOutcome({ record, message, outcome }: Execution, logger: Logger): void {
  const fields = { task: message?.shadow ?? record.name, id: record.id, runs: record.runs };
  switch (outcome?.kind) {
    case "failure":
      reportFailure({ ...fields, err: outcome.error }, record, logger);
      return;
    case "revoked":
      logger.info({ ...fields, reason: outcome.error.message }, "task revoked");
      return;
    case "handed-back":
      logger.info(fields, "task handed back");
      return;
    case "worker-lost":
      logger.warn({ ...fields, err: outcome.error }, "task was lost; it runs again");
      return;
    case "lost":
      logger.warn(
        { ...fields, code: "TASK_LEASE_LOST" },
        "task was taken over; its outcome is dropped",
      );
      return;
    case "stored-before":
    case "success":
    case undefined:
      logger.debug(fields, "task done");
  }
}

function reportFailure(fields: object, { state, retryAt }: TaskRecord, logger: Logger): void {
  if (state !== "RETRY") logger.error(fields, "task failed");
  else logger.warn({ ...fields, retryAt }, "task failed and will be tried again");
}

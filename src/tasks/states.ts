/** The states of a task, in Celery's words. */
export const TASK_STATES = [
  "PENDING",
  "RECEIVED",
  "STARTED",
  "RETRY",
  "SUCCESS",
  "FAILURE",
  "REVOKED",
] as const;

/**
 * What is known of a task.
 *
 * `PENDING → STARTED → SUCCESS | FAILURE | REVOKED`, and `STARTED → RETRY → STARTED` for each retry.
 * PENDING also stands for an id that nobody knows, as in Celery.
 */
export type TaskState = (typeof TASK_STATES)[number];

/** Whether a task in this state has ended: it is then never changed again. */
export function isFinal(state: TaskState): boolean {
  return state === "SUCCESS" || state === "FAILURE" || state === "REVOKED";
}

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
 * | state | what is true | what leaves it |
 * | --- | --- | --- |
 * | PENDING | it waits, or nobody knows its id, as in Celery | a worker begins → STARTED; it is cancelled, or too late → REVOKED; it cannot run → FAILURE |
 * | RECEIVED | of Celery alone: our workers never say it | |
 * | STARTED | a worker runs it, or has died or handed it back: then it starts again | its end → SUCCESS, FAILURE, REVOKED or RETRY |
 * | RETRY | it has failed, and waits for its next try | the next try → STARTED; it is cancelled, or too late → REVOKED |
 * | SUCCESS, FAILURE, REVOKED | it has ended, and its record is never changed | the record is forgotten, or expires |
 */
export type TaskState = (typeof TASK_STATES)[number];

/** Whether a task in this state has ended: it is then never changed again. */
export function isFinal(state: TaskState): boolean {
  return state === "SUCCESS" || state === "FAILURE" || state === "REVOKED";
}

import { readIds } from "./command-arguments.ts";
import type { ControlCommand, ControlledWorker } from "./controlled-worker.ts";

/** Has tasks not run; with `terminate` those end, too, that run. */
export const revoke: ControlCommand = (worker, args) =>
  revokeAll(worker, readIds("task_id", args["task_id"]), args["terminate"] === true);

/** Has tasks not run, and end if they do. */
export const terminate: ControlCommand = (worker, args) =>
  revokeAll(worker, readIds("task_id", args["task_id"]), true);

async function revokeAll(
  worker: ControlledWorker,
  ids: readonly string[],
  terminates: boolean,
): Promise<unknown> {
  const running = new Set(worker.running().map(({ delivery }) => delivery.id));
  // A broker with a list of revoked ids has heard it itself.
  if (!worker.broker.revoked) await Promise.all(ids.map((id) => worker.cancel(id)));
  if (!terminates) return { ok: `tasks ${ids.join(", ")} flagged as revoked` };
  const ended = ids.filter((id) => running.has(id));
  return { ok: `terminate: ${ended.length === 0 ? "tasks unknown" : ended.join(", ")}` };
}

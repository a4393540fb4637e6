import { asksForMore } from "./canvas/plan-after.ts";
import { decodeMessage } from "./message/decode.ts";
import type { EncodedMessage, TaskMessage } from "./message/message.ts";
import { pendingRecord } from "./results/task-record.ts";
import { isFinal } from "./states.ts";
import type { TaskRuntime } from "./task-runtime.ts";

/**
 * What is known of a task that was to be cancelled.
 *
 * `unconfirmed`: nothing is known of it, and the broker cannot look into its queues. If a worker receives
 * it within three hours, it is not run.
 */
export type CancelOutcome = "cancelled" | "unconfirmed" | "nothing";

/**
 * Cancels a task, if there is something to cancel.
 *
 * The broker's mark comes first. Should this process die before the rest, a worker that takes the marked
 * message revokes it.
 */
export async function cancelTask(
  { broker, results }: TaskRuntime,
  id: string,
): Promise<CancelOutcome> {
  const found = await broker.cancel(id);
  if (!found) return "nothing";
  if (found.running) return "cancelled";
  const message = found.message && read(found.message);
  const known = await results.get(id);
  const record = known ?? pendingRecord(id);
  // Where the queues cannot be looked into, the record says whether there is still something to cancel.
  if (isFinal(record.state)) return "nothing";
  if (!found.message && record.state === "STARTED") return "cancelled";
  await results.store({
    ...record,
    name: record.name ?? message?.task ?? null,
    parentId: message?.parentId ?? null,
    groupId: message?.group ?? null,
    state: "REVOKED",
    queue: found.queue,
    error: { type: "TASK_CANCELLED", message: "the task was cancelled" },
    finishedAt: Date.now(),
    retryAt: null,
  });
  // A chord or a chain that waits for it must hear of it: from the worker that takes the marked message.
  if (!message || !asksForMore(message)) await broker.discard(id);
  return found.message || known ? "cancelled" : "unconfirmed";
}

/** A message that cannot be read has no name to show, and is cancelled all the same. */
function read(message: EncodedMessage): TaskMessage | null {
  try {
    return decodeMessage(message);
  } catch {
    return null;
  }
}

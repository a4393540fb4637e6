import { decodeMessage } from "./message/decode.ts";
import type { EncodedMessage } from "./message/message.ts";
import { pendingRecord } from "./results/task-record.ts";
import { isFinal } from "./states.ts";
import type { TaskRuntime } from "./task-runtime.ts";

/**
 * Cancels a task; returns whether there was something to cancel.
 *
 * The broker's mark comes first. Should this process die before the rest, a worker that takes the marked
 * message revokes it.
 */
export async function cancelTask({ broker, results }: TaskRuntime, id: string): Promise<boolean> {
  const found = await broker.cancel(id);
  if (!found) return false;
  if (found.running) return true;
  const record = (await results.get(id)) ?? pendingRecord(id);
  // Where the queues cannot be looked into, the record says whether there is still something to cancel.
  if (isFinal(record.state)) return false;
  if (!found.message && record.state === "STARTED") return true;
  await results.store({
    ...record,
    name: record.name ?? (found.message && nameOf(found.message)),
    state: "REVOKED",
    queue: found.queue,
    error: { type: "TASK_CANCELLED", message: "the task was cancelled" },
    finishedAt: Date.now(),
    retryAt: null,
  });
  await broker.discard(id);
  return true;
}

/** A message that cannot be read has no name to show, and is cancelled all the same. */
function nameOf(message: EncodedMessage): string | null {
  try {
    return decodeMessage(message).task;
  } catch {
    return null;
  }
}

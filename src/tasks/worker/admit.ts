import { isTidingsError, TidingsError, toError } from "../../core/errors.ts";
import type { Wait } from "../limits/run-limits.ts";
import type { TaskMessage } from "../message/message.ts";
import type { TaskDefinition } from "../task.ts";
import type { Execution } from "./execution.ts";

/** Where nobody can be asked, nobody runs. */
const OUTAGE: Wait = { waitMs: 1_000, slot: null };

/** Has a task that is beyond its limits wait in the broker, where it takes nobody's place. */
export function admit(execution: Execution): Execution | Promise<Execution> {
  const { context, message, definition } = execution;
  if (!message || !definition) return execution;
  if (!definition.unique && !context.limits.concern(definition)) return execution;
  return waitForTurn(execution, message, definition);
}

/** Gives back what a run had. A function that was given up counts for as long as it goes on. */
export async function leave({ context, delivery, goesOn }: Execution): Promise<void> {
  if (goesOn) void goesOn.then(() => context.limits.leave(delivery));
  else await context.limits.leave(delivery);
}

/** Frees the key of a unique task. What cannot be freed now is free in the end. */
export async function freeKey({ context, delivery }: Execution, isOver: boolean): Promise<void> {
  try {
    await context.uniques.end(delivery, isOver);
  } catch (error) {
    const fields = { err: error, id: delivery.id };
    context.runtime.logger.warn(fields, "the key of a unique task could not be given back");
  }
}

async function waitForTurn(
  execution: Execution,
  message: TaskMessage,
  { limits, unique }: TaskDefinition,
): Promise<Execution> {
  const { context, delivery } = execution;
  try {
    if (unique && (await context.uniques.isReplaced(delivery, message, unique))) {
      const error = new TidingsError("TASK_CANCELLED", "a later call has taken its place");
      return { ...execution, outcome: { kind: "revoked", error } };
    }
    const wait = await context.limits.admit(delivery, message, limits);
    if (wait) return { ...execution, outcome: { kind: "waiting", wait } };
    if (unique) await context.uniques.start(delivery, message, unique);
    return execution;
  } catch (error) {
    if (!isTidingsError(error, "STORAGE_UNAVAILABLE")) {
      // The task's own function for its key.
      return { ...execution, outcome: { kind: "failure", error: toError(error) } };
    }
    const fields = { err: error, task: message.task, id: delivery.id };
    context.runtime.logger.warn(fields, "limits could not be asked; the task waits");
    return { ...execution, outcome: { kind: "waiting", wait: OUTAGE } };
  }
}

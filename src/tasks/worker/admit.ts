import { toError } from "../../core/errors.ts";
import type { TaskMessage } from "../message/message.ts";
import type { TaskDefinition } from "../task.ts";
import type { Execution } from "./execution.ts";

/** Has a task that is beyond its limits wait in the broker, where it takes nobody's place. */
export function admit(execution: Execution): Execution | Promise<Execution> {
  const { context, message, definition } = execution;
  if (!message || !definition || !context.limits.concern(definition)) return execution;
  return waitForTurn(execution, message, definition);
}

/** Gives back what a run had. A function that was given up counts for as long as it goes on. */
export async function leave({ context, delivery, goesOn }: Execution): Promise<void> {
  if (goesOn) void goesOn.then(() => context.limits.leave(delivery));
  else await context.limits.leave(delivery);
}

async function waitForTurn(
  execution: Execution,
  message: TaskMessage,
  { limits }: TaskDefinition,
): Promise<Execution> {
  try {
    const wait = await execution.context.limits.admit(execution.delivery, message, limits);
    return wait ? { ...execution, outcome: { kind: "waiting", wait } } : execution;
  } catch (error) {
    // The task's own function for its key failed.
    return { ...execution, outcome: { kind: "failure", error: toError(error) } };
  }
}

import { isTidingsError } from "../../core/errors.ts";
import type { Publication, Settlement } from "../brokers/broker.ts";
import { carryOut, preparePlan, type PreparedPlan } from "../canvas/carry-out.ts";
import { NO_PLAN, asksForMore, planAfter } from "../canvas/plan-after.ts";
import type { TaskMessage } from "../message/message.ts";
import { markRedelivered } from "../message/redelivered.ts";
import type { TaskRecord } from "../results/task-record.ts";
import { isFinal } from "../states.ts";
import type { Execution } from "./execution.ts";
import { keptRecord } from "./kept-record.ts";
import { toTaskError } from "./record-outcome.ts";

/** How a run ended, whether or not anybody wants its record. */
type Ending = Settlement & { readonly record: TaskRecord };

/** How long the lease holds at least while a chord comes together. */
const LEASE_MS = 10_000;

/**
 * Ends a delivery, and does what its message asks for when the task has ended: callbacks, error callbacks,
 * the next step of its chain, its part of a chord.
 *
 * What it sends goes in the step that ends the delivery, where the broker can. In a chord the record is
 * stored first, since whoever ends last reads it: a worker that dies then leaves a message whose next run
 * finds the record, and goes on from here. Returns the record, or `null` when the lease is lost.
 */
export async function settleAfter(
  execution: Execution,
  ending: Ending,
): Promise<TaskRecord | null> {
  const { context, delivery, message } = execution;
  const { record } = ending;
  if (!message || ending.retry || !isFinal(record.state) || !asksForMore(message)) {
    const settlement = { ...ending, record: keptRecord(execution, record) };
    return (await context.settle(delivery, settlement)) ? record : null;
  }
  return await settleWithPlan(execution, ending, toPlanned(execution, message, record));
}

interface Planned {
  readonly record: TaskRecord;
  readonly plan: PreparedPlan;
  readonly rootId: string;
}

async function settleWithPlan(
  execution: Execution,
  ending: Ending,
  { record, plan, rootId }: Planned,
): Promise<TaskRecord | null> {
  const { context, delivery } = execution;
  const { broker, results } = context.runtime;
  const { replyTo } = delivery.message.properties;
  const kept = keptRecord(execution, record);
  if (plan.members.length > 0 || plan.headers.length > 0 || plan.records.length > 0) {
    const lost = await broker.renew([delivery], LEASE_MS);
    if (lost.length > 0) return null;
    if (kept) await results.store(kept, replyTo ?? null);
  }
  const { sends, finished } = await carryOut(context.runtime, plan, rootId);
  const settled = await context.settle(delivery, {
    ...ending,
    record: kept,
    sends: delivery.runs > 1 ? again(sends) : sends,
  });
  if (!settled) return null;
  for (const groupId of finished) await results.chords?.forget(groupId);
  return record;
}

/** An earlier run may have sent them: whoever takes them looks first whether they are done. */
function again(sends: readonly Publication[]): readonly Publication[] {
  return sends.map((send) => ({ ...send, message: markRedelivered(send.message) }));
}

/** A task whose successor cannot be sent has failed, so that nobody waits for what never comes. */
function toPlanned(execution: Execution, message: TaskMessage, record: TaskRecord): Planned {
  const { runtime } = execution.context;
  const { rootId } = message;
  try {
    const plan = preparePlan(runtime, planAfter(message, record));
    const children = [...record.children, ...plan.children];
    return { record: { ...record, children }, plan, rootId };
  } catch (error) {
    if (isTidingsError(error, "STORAGE_UNAVAILABLE")) throw error;
    const fields = { err: error, task: record.name, id: record.id };
    runtime.logger.error(fields, "what comes after a task cannot be sent");
    if (record.state !== "SUCCESS") return { record, plan: { ...NO_PLAN, calls: [] }, rootId };
    const failed = {
      ...record,
      state: "FAILURE",
      result: null,
      error: toTaskError(error),
    } as const;
    return toPlanned(execution, message, failed);
  }
}

import { isTidingsError, TidingsError, toError } from "../../core/errors.ts";
import type { Publication } from "../brokers/broker.ts";
import type { ChordStore } from "../chords/chord-store.ts";
import { decodeMessage } from "../message/decode.ts";
import { prepareCall, type PreparedCall } from "../prepare-call.ts";
import { pendingRecord, type TaskRecord } from "../results/task-record.ts";
import { publish } from "../send.ts";
import type { TaskRuntime } from "../task-runtime.ts";
import type { EndedMember } from "./abandon.ts";
import { failChord, finishChord } from "./finish-chord.ts";
import { planAfter, type AfterPlan } from "./plan-after.ts";

/** A plan whose calls are encoded: from here on only the storage can fail. */
export interface PreparedPlan extends Omit<AfterPlan, "calls"> {
  readonly calls: readonly PreparedCall[];
}

/** What is left to do in the step that ends the delivery, and after it. */
export interface Remainder {
  readonly sends: readonly Publication[];
  /** The chords that are finished, to be forgotten afterwards. */
  readonly finished: readonly string[];
}

/** More than this is sent before the delivery ends, so that no step is too large. */
const MAX_SENDS_IN_STEP = 100;

/** Encodes the calls of a plan. Throws as {@link prepareCall} does. */
export function preparePlan(runtime: TaskRuntime, plan: AfterPlan): PreparedPlan {
  if (plan.headers.length > 0 || plan.members.length > 0) chordsOf(runtime);
  return { ...plan, calls: plan.calls.map((call) => prepareCall(runtime, call)) };
}

/**
 * Does all of a plan but the sends that go with the end of the delivery.
 *
 * Whatever it does may be done again: sizes and groups are the same, records of tasks that never run are
 * final, and a part counts once for its task.
 */
export async function carryOut(
  runtime: TaskRuntime,
  plan: PreparedPlan,
  rootId: string,
): Promise<Remainder> {
  const sends: Publication[] = [];
  const finished: string[] = [];
  // A chord that is finished may be a part of another one.
  for (const plans = [plan]; ;) {
    const next = plans.shift();
    if (!next) return { sends, finished };
    for (const header of next.headers) await announce(chordsOf(runtime), header);
    for (const record of next.records) {
      await runtime.results.store(record, next.replyTo);
    }
    for (const call of next.calls) {
      if (!call.exchange && sends.length < MAX_SENDS_IN_STEP) sends.push(call);
      else plans.push(...(await publishNow(runtime, call)));
    }
    for (const member of next.members) {
      const after = await endMember(runtime, member, rootId);
      if (!after) continue;
      finished.push(member.groupId);
      plans.push(after);
    }
  }
}

/** Publishes a call. What no exchange takes has failed: returned is what comes of that. */
async function publishNow(
  runtime: TaskRuntime,
  call: PreparedCall,
): Promise<readonly PreparedPlan[]> {
  try {
    await publish(runtime.broker, call);
    return [];
  } catch (error) {
    const isLost =
      isTidingsError(error, "TASK_UNROUTABLE") || isTidingsError(error, "OPTION_INVALID");
    if (!isLost) throw error;
    const { id, task } = call;
    runtime.logger.error({ err: error, task, id }, "what comes after a task cannot be sent");
    const message = decodeMessage(call.message);
    const failed: TaskRecord = {
      ...pendingRecord(id),
      name: task,
      state: "FAILURE",
      error: { type: error.code, message: error.message },
      parentId: message.parentId,
      groupId: message.group,
      finishedAt: Date.now(),
    };
    const plan = planAfter(message, failed);
    return [preparePlan(runtime, { ...plan, records: [failed, ...plan.records] })];
  }
}

async function announce(
  chords: ChordStore,
  { group, size }: AfterPlan["headers"][number],
): Promise<void> {
  // "saved when any of the results are groups themselves"
  if (group.members?.some(({ members }) => members)) await chords.saveGroup(group);
  await chords.setSize(group.id, size);
}

/** Counts a member that has ended; returns what comes of its chord if it was the last one. */
async function endMember(
  runtime: TaskRuntime,
  member: EndedMember,
  rootId: string,
): Promise<PreparedPlan | null> {
  const chords = chordsOf(runtime);
  const parts = await chords.addPart(member.groupId, member.part);
  if (!parts) return null;
  const group = await chords.loadGroup(member.groupId);
  try {
    return preparePlan(runtime, finishChord({ member, parts, group, rootId }));
  } catch (thrown) {
    const { message } = toError(thrown);
    const error = { type: "ChordError", message };
    runtime.logger.error(
      { err: thrown, group: member.groupId },
      "the body of a chord cannot be sent",
    );
    return preparePlan(runtime, failChord(member, { error, rootId }));
  }
}

function chordsOf({ results }: TaskRuntime): ChordStore {
  if (results.chords) return results.chords;
  throw new TidingsError(
    "TASK_CHORD_UNSUPPORTED",
    "expected a result store where the parts of a chord can come together, got one that sends results; use redis:, sqlite: or memory:",
  );
}

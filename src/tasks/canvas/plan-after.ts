import type { TaskMessage } from "../message/message.ts";
import type { TaskRecord } from "../results/task-record.ts";
import { Signature } from "../signature.ts";
import { abandon, type EndedMember } from "./abandon.ts";
import { expandSignature, join, NOTHING, type Expansion, type Place } from "./expand-signature.ts";
import { freeze } from "./freeze.ts";

/** What the end of a task asks for. */
export interface AfterPlan extends Expansion {
  /** Of tasks that will never run, since one before them has failed. */
  readonly records: readonly TaskRecord[];
  /** Where whoever called them all waits, if records are sent. */
  readonly replyTo?: string | null | undefined;
  /** The members of chords that have ended with it. */
  readonly members: readonly EndedMember[];
}

/** Nothing comes after it. */
export const NO_PLAN: AfterPlan = { ...NOTHING, records: [], members: [] };

/** Whether a message asks for anything when its task has ended. */
export function asksForMore({ embed }: TaskMessage): boolean {
  const { callbacks, errbacks, chain, chord } = embed;
  return [callbacks, errbacks, chain, chord].some(
    (part) => part !== null && part !== undefined && !(Array.isArray(part) && part.length === 0),
  );
}

/**
 * Returns what comes after a task, from its message and the record of its end.
 *
 * It is the same whenever it is asked for: each id is in the message, or made from the task's own.
 *
 * @throws {TidingsError} MESSAGE_INVALID when a signature cannot be read.
 */
export function planAfter(message: TaskMessage, record: TaskRecord): AfterPlan {
  const { id, rootId, embed, group, groupIndex: index } = message;
  const place = { rootId, parentId: id };
  const { state, result, error } = record;
  const body = embed.chord ? Signature.from(embed.chord) : undefined;
  const own =
    body && group !== null
      ? [{ groupId: group, body, part: { id, index, state, result, error } }]
      : [];
  if (state === "SUCCESS") {
    const sent = afterSuccess(message, { ...place, args: [result] });
    return { ...sent, records: [], members: own };
  }
  const abandoned = Signature.listFrom(embed.chain).map((step) => abandon(step, record));
  // "Callbacks of a task that was revoked are not called", those for its errors neither.
  const sent =
    state === "FAILURE" ? afterFailure(embed.errbacks, { ...place, args: [id] }) : NOTHING;
  return {
    ...sent,
    records: abandoned.flatMap(({ records }) => records),
    replyTo: message.replyTo,
    members: [...own, ...abandoned.flatMap(({ members }) => members)],
  };
}

/** Sends what is called when a task has failed: its id comes first among the arguments. */
export function afterFailure(errbacks: unknown, place: Place): Expansion {
  const { parentId } = place;
  return join(
    Signature.listFrom(errbacks).map((errback, index) =>
      expandSignature(freeze(errback, `${parentId}/errback/${index}`), place),
    ),
  );
}

function afterSuccess({ id, embed }: TaskMessage, place: Place): Expansion {
  const callbacks = Signature.listFrom(embed.callbacks).map((callback, index) =>
    expandSignature(freeze(callback, `${id}/callback/${index}`), place),
  );
  // "The last element is the next task."
  const steps = Signature.listFrom(embed.chain);
  const next = steps.at(-1);
  if (!next) return join(callbacks);
  const chain = steps.slice(0, -1).map((step) => step.toJSON());
  return join([...callbacks, expandSignature(freeze(next, `${id}/chain`), { ...place, chain })]);
}

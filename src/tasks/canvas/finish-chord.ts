import type { ChordPart } from "../chords/chord-store.ts";
import { pythonRepr } from "../message/python-repr.ts";
import type { TaskChild, TaskError } from "../results/task-record.ts";
import { Signature } from "../signature.ts";
import { abandon, type EndedMember } from "./abandon.ts";
import { expandSignature } from "./expand-signature.ts";
import { freeze } from "./freeze.ts";
import { afterFailure, type AfterPlan } from "./plan-after.ts";

/** A chord whose last member has ended. */
export interface FinishedChord {
  readonly member: EndedMember;
  readonly parts: readonly ChordPart[];
  /** How its results belong together, where groups are inside it. */
  readonly group: TaskChild | null;
  readonly rootId: string;
}

/** Returns what comes of a chord whose members have all ended: its body, or the failure of it. */
export function finishChord({ member, parts, group, rootId }: FinishedChord): AfterPlan {
  const { body, groupId, part } = member;
  const failed = parts.find(({ state }) => state !== "SUCCESS");
  if (failed) return failChord(member, { error: toChordError(failed), rootId });
  const results = new Map(parts.map(({ id, result }) => [id, result]));
  // Celery may have saved another group under the same id: that of a body which is a group.
  const isHeader = group !== null && leavesOf(group).every((id) => results.has(id));
  const list = isHeader ? collect(group, results) : parts.map(({ result }) => result);
  const place = { args: [list], rootId, parentId: part.id };
  const frozen = freeze(body, `${groupId}/body`);
  return { ...expandSignature(frozen, place), records: [], members: [] };
}

/** Returns what comes of a chord that has failed: nobody waits for its body for ever. */
export function failChord(
  { body, part }: EndedMember,
  { error, rootId }: { readonly error: TaskError; readonly rootId: string },
): AfterPlan {
  const bodyId = body.text("task_id") ?? part.id;
  const place = { args: [bodyId], rootId, parentId: bodyId };
  const steps = [body, ...Signature.listFrom(body.list("chain"))];
  const abandoned = steps.map((step) => abandon(step, { state: "FAILURE", error }));
  return {
    ...afterFailure(body.list("link_error"), place),
    records: abandoned.flatMap(({ records }) => records),
    members: abandoned.flatMap(({ members }) => members),
  };
}

/** "ChordError `Dependency <task_id> raised <repr(exc)>`" */
function toChordError({ id, error }: ChordPart): TaskError {
  const { type, message } = error ?? { type: "Exception", message: "no reason is recorded" };
  const repr = `${type}(${pythonRepr(message)})`;
  return { type: "ChordError", message: `Dependency ${id} raised ${repr}` };
}

/** The results of a group are a list in the place of one result. */
function collect({ id, members }: TaskChild, results: ReadonlyMap<string, unknown>): unknown {
  return members ? members.map((member) => collect(member, results)) : (results.get(id) ?? null);
}

function leavesOf({ id, members }: TaskChild): readonly string[] {
  return members ? members.flatMap(leavesOf) : [id];
}

import type { ChordPart } from "../chords/chord-store.ts";
import { pendingRecord, type TaskRecord } from "../results/task-record.ts";
import { Signature } from "../signature.ts";
import { flatten, toTasks } from "./members.ts";

/** A member of a chord's header that has ended, and the body that waits for all of them. */
export interface EndedMember {
  readonly groupId: string;
  readonly body: Signature;
  readonly part: ChordPart;
}

/** What is recorded of tasks that will never run. */
export interface Abandoned {
  readonly records: readonly TaskRecord[];
  readonly members: readonly EndedMember[];
}

/** Why tasks will never run. */
export type Cause = Pick<TaskRecord, "state" | "error">;

/**
 * Returns what is recorded of a step that will never run, since one before it has failed.
 *
 * Each task that has an id fails for the same reason, so that nobody waits for it for ever; and a chord
 * that waits for it hears of it.
 */
export function abandon(signature: Signature, cause: Cause): Abandoned {
  switch (signature.kind) {
    case "chain": {
      const steps = toTasks(signature);
      return joinAll([
        ...steps.slice(0, -1).map((step) => abandon(step, cause)),
        ...steps.slice(-1).map((last) => abandon(inherit(last, signature), cause)),
      ]);
    }
    case "group":
      return joinAll(
        flatten([signature]).map((member) => abandon(inherit(member, signature), cause)),
      );
    case "chord":
      return abandon(inherit(Signature.from(signature.kwargs["body"]), signature), cause);
    default:
      return abandonTask(signature, cause);
  }
}

function abandonTask(signature: Signature, { state, error }: Cause): Abandoned {
  const id = signature.text("task_id");
  if (id === undefined) return { records: [], members: [] };
  const groupId = signature.text("group_id") ?? null;
  const name = signature.task;
  const finishedAt = Date.now();
  const record = { ...pendingRecord(id), name, state, error, groupId, finishedAt };
  const { chord } = signature.options;
  if (!chord || groupId === null) return { records: [record], members: [] };
  const part = { id, index: signature.number("group_index") ?? null, state, result: null, error };
  return { records: [record], members: [{ groupId, body: Signature.from(chord), part }] };
}

/** What stands for a workflow belongs to the chord that the workflow belongs to. */
function inherit(signature: Signature, { options }: Signature): Signature {
  const names = ["chord", "group_id", "group_index"].filter((name) => options[name] !== undefined);
  const inherited = Object.fromEntries(names.map((name) => [name, options[name]]));
  return signature.withOptions({ ...inherited, ...signature.options });
}

function joinAll(abandoned: readonly Abandoned[]): Abandoned {
  return {
    records: abandoned.flatMap(({ records }) => records),
    members: abandoned.flatMap(({ members }) => members),
  };
}

import type { TaskChild, TaskError } from "../results/task-record.ts";
import type { TaskState } from "../states.ts";

/** How one task of a chord's header has ended. */
export interface ChordPart {
  /** The id of the task. */
  readonly id: string;
  /** Its place in the header; `null` if it is not known. */
  readonly index: number | null;
  readonly state: TaskState;
  readonly result: unknown;
  /** Why it failed. */
  readonly error: TaskError | null;
}

/**
 * Where the parts of chords come together, and groups are remembered.
 *
 * `src/testing/cases/chords.ts` checks each sentence against every driver.
 *
 * - `addPart` MUST keep one part for each task, the one that came first, and return all parts by their
 *   `index`, those without one last, as soon as there are as many as `setSize` said or more; else `null`.
 * - Once it has returned them to one task, it MUST NOT return them to another one, but to the same again:
 *   whoever runs once more, because its worker died, finishes what it has begun.
 * - `forget` MUST remove what belongs to a chord; what comes later is a chord of unknown size.
 * - `saveGroup` and `loadGroup` MUST keep which tasks belong to a group, in their order, at any depth.
 * - All of it MAY be removed after so long as records are kept.
 */
export interface ChordStore {
  setSize(groupId: string, size: number): Promise<void>;
  addPart(groupId: string, part: ChordPart): Promise<readonly ChordPart[] | null>;
  forget(groupId: string): Promise<void>;
  saveGroup(group: TaskChild): Promise<void>;
  loadGroup(groupId: string): Promise<TaskChild | null>;
}

/** The order of parts: by their place, those without one last, as they came. */
export function byIndex(left: ChordPart, right: ChordPart): number {
  return (left.index ?? Infinity) === (right.index ?? Infinity)
    ? 0
    : (left.index ?? Infinity) - (right.index ?? Infinity);
}

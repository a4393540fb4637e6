import { Signature } from "../signature.ts";

/** The tasks of a list, of a group or a chain, or the one task that it is. */
export function toTasks(value: unknown): readonly Signature[] {
  if (Array.isArray(value)) return value.map((task) => Signature.from(task));
  const signature = Signature.from(value);
  const { kind, kwargs } = signature;
  return kind === "group" || kind === "chain" ? toTasks(kwargs["tasks"] ?? []) : [signature];
}

/** The members of groups in the place of these groups. */
export function flatten(tasks: readonly Signature[]): readonly Signature[] {
  return tasks.flatMap((task) => (task.kind === "group" ? flatten(toTasks(task)) : [task]));
}

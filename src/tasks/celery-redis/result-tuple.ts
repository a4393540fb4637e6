import type { TaskChild } from "../results/task-record.ts";

/** How Celery writes down which task or group a result belongs to, without its parents. */
export type ResultTuple = readonly [
  of: readonly [id: string, parent: null],
  members: readonly ResultTuple[] | null,
];

/** "single `[[id, parent], null]`; group `[[gid, parent], [tuple, …]]`" */
export function toResultTuple({ id, members }: TaskChild): ResultTuple {
  return [[id, null], members?.map(toResultTuple) ?? null];
}

/** Reads one; what is none is left out. Its parents are known to their own records. */
export function fromResultTuple(value: unknown): readonly TaskChild[] {
  const [of, members]: readonly unknown[] = Array.isArray(value) ? value : [];
  const [id]: readonly unknown[] = Array.isArray(of) ? of : [of];
  if (typeof id !== "string" || id === "") return [];
  return [Array.isArray(members) ? { id, members: members.flatMap(fromResultTuple) } : { id }];
}

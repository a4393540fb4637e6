import type { User } from "./user.ts";

/**
 * What tells one user from another: their `id` if they have one, else their `name`.
 *
 * The number 1 and the text "1" are the same id, as a token or a session may carry either. An id and
 * a name are never the same user: whoever chooses the name "1" is not the user with the id 1.
 */
export function userKey(user: User): string {
  const { id, name }: { readonly id?: unknown; readonly name?: unknown } = user;
  if (typeof id === "string" || typeof id === "number" || typeof id === "bigint") return `id:${id}`;
  return `name:${String(name)}`;
}

/** The keys of those who are meant by an id or a name: a user of that id, and one of that name only. */
export function userKeysOf(idOrName: string): readonly string[] {
  return [`id:${idOrName}`, `name:${idOrName}`];
}

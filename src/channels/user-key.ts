import type { User } from "./user.ts";

/** What tells one user from another: their `id` if they have one, else their `name`. */
export function userKey(user: User): string {
  const { id, name }: { readonly id?: unknown; readonly name?: unknown } = user;
  if (typeof id === "string" || typeof id === "number" || typeof id === "bigint") return String(id);
  return String(name);
}

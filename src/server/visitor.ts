import { userKey, type RouteContext, type RouteMatch } from "../channels/index.ts";
import type { Visitor } from "../transports/index.ts";

/** Who makes a request of a consumer's connection, and where: the same for all of its requests. */
export function toVisitor(
  { path, params }: RouteMatch,
  { user, validUntil }: RouteContext,
): Visitor {
  return {
    place: JSON.stringify([path.path, params]),
    user: user ? userKey(user) : null,
    validUntil,
  };
}

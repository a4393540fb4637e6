import type { Middleware, User } from "../channels/index.ts";

/** Finds who made a request, or `null`. */
export type FindUser = (request: Request) => User | null | Promise<User | null>;

/**
 * Recognises the user of a request, for `connection.user` and `authorize`.
 *
 * Nobody is refused: a consumer or feed decides what strangers may do.
 */
export function sessionAuth(findUser: FindUser): Middleware {
  return async (context) => {
    context.user = await findUser(context.request);
  };
}

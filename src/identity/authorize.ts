import { deny, isAllowed, type Middleware, type RouteContext } from "../channels/index.ts";
import { assertFunction, assertKnownOptions, optionNames } from "../core/options.ts";

/** What who is refused gets to read. */
export interface AuthorizeOptions {
  /** A sentence for a person. */
  readonly message?: string | undefined;
}

const NAMES = optionNames<AuthorizeOptions>({
  message: true,
});

/**
 * Lets pass whom the check lets pass. Put it after what recognises users.
 *
 * Otherwise nobody is 401 REQUEST_UNAUTHENTICATED, and somebody is 403 REQUEST_FORBIDDEN. It runs again
 * with the rest of the route's middleware while a connection is open, and closes it with 3000 when it
 * refuses then. The 401 names `Bearer` in `WWW-Authenticate` after a `tokenAuth`, and no scheme otherwise:
 * a cookie is none. What is neither true nor false lets nobody pass: it is logged, and answered with 500.
 *
 * @throws {TidingsError} OPTION_INVALID for a check that is no function, or an option that nobody knows.
 *
 * @example
 * import { authorize } from "tidings";
 *
 * const members = authorize(({ user, params }) => user?.name === params["owner"]);
 */
export function authorize(
  check: (context: RouteContext) => boolean | Promise<boolean>,
  options: AuthorizeOptions = {},
): Middleware {
  assertFunction("check", check);
  assertKnownOptions("`authorize`", options, NAMES);
  const { message } = options;
  return async (context) => {
    if (isAllowed("the check of `authorize(check)`", await check(context))) return undefined;
    return deny(context, {
      stranger: message ?? "sign in first",
      user: message ?? "you may not do this",
    });
  };
}

/** Lets pass whoever has been recognised; nobody is 401 REQUEST_UNAUTHENTICATED. */
export function requireUser(options?: AuthorizeOptions): Middleware {
  return authorize(({ user }) => user !== null, options);
}

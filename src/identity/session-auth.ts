import type { Middleware, RouteContext, User } from "../channels/index.ts";
import {
  assertFunction,
  assertKnownOptions,
  assertMethods,
  assertPositiveInteger,
  optionNames,
} from "../core/options.ts";
import { guardCookies } from "./allowed-origins.ts";
import type { Session, Sessions } from "./sessions/session.ts";

/** Finds who made a request, or `null`. */
export type FindUser = (request: Request) => User | null | Promise<User | null>;

/** How an open connection is watched. */
export interface RecheckOptions {
  /** How often an open connection's user is looked for again, in milliseconds. @default 60_000 */
  readonly recheckMs?: number | undefined;
}

/** Who the user of a session is. */
export interface SessionUserOptions<TData> extends RecheckOptions {
  /** Finds the user in a session's data; `null` is nobody, as for a session before the sign-in. */
  readonly user: (
    data: TData,
    session: Session<TData>,
  ) => User | null | undefined | Promise<User | null | undefined>;
}

const RECHECK_NAMES = optionNames<RecheckOptions>({ recheckMs: true });
const NAMES = optionNames<SessionUserOptions<unknown>>({ recheckMs: true, user: true });

/**
 * Recognises the user of a request by its session, for `connection.user` and `authorize`.
 *
 * Nobody is refused for having no session: a consumer, a feed or `requireUser` decides what strangers
 * may do. A connection that stays open is looked at again every `recheckMs`, and in time for its
 * session not to idle out: after a sign-out it is closed with 3000. Once a middleware before it has
 * recognised somebody, it does nothing.
 *
 * A browser sends its cookies from any page, hence requests from other origins are refused with 403
 * REQUEST_FORBIDDEN_ORIGIN, unless `allowedOrigins` has let them pass before.
 *
 * @throws {TidingsError} OPTION_INVALID for an option that is wrong, missing, or that nobody knows.
 *
 * @example
 * import { sessionAuth, storedSessions } from "tidings";
 * import { z } from "zod";
 *
 * const sessions = storedSessions({
 *   store: "sqlite:./data/sessions.db",
 *   secret: process.env["SESSION_SECRET"] ?? "",
 *   data: z.object({ name: z.string() }),
 * });
 * const signedIn = sessionAuth(sessions, { user: ({ name }) => ({ name }) });
 */
export function sessionAuth<TData>(
  sessions: Pick<Sessions<TData>, "load">,
  options: SessionUserOptions<TData>,
): Middleware;
/** The same for sessions of your own: `findUser` reads the request's cookies. */
export function sessionAuth(findUser: FindUser, options?: RecheckOptions): Middleware;
export function sessionAuth<TData>(
  source: FindUser | Pick<Sessions<TData>, "load">,
  options: RecheckOptions | SessionUserOptions<TData> = {},
): Middleware {
  const isFunction = typeof source === "function";
  if (!isFunction) assertMethods("sessions", source, ["load"]);
  assertKnownOptions("`sessionAuth`", options, isFunction ? RECHECK_NAMES : NAMES);
  if (!isFunction) assertFunction("user", "user" in options ? options.user : undefined);
  const { recheckMs = 60_000 } = options;
  assertPositiveInteger("recheckMs", recheckMs);
  const find = toFind(source, options);
  return async (context) => {
    if (context.user) return undefined;
    const refusal = await guardCookies(context);
    if (refusal) return refusal;
    const { user, refreshAt } = await find(context);
    if (!user) return undefined;
    context.user = user;
    context.expireAt(Math.min(Date.now() + recheckMs, refreshAt));
    return undefined;
  };
}

interface Found {
  readonly user: User | null | undefined;
  readonly refreshAt: number;
}

function toFind<TData>(
  source: FindUser | Pick<Sessions<TData>, "load">,
  options: RecheckOptions | SessionUserOptions<TData>,
): (context: RouteContext) => Promise<Found> {
  if (typeof source === "function") {
    return async ({ request }) => ({ user: await source(request), refreshAt: Infinity });
  }
  return async ({ request }) => {
    const session = await source.load(request);
    if (!session || !("user" in options)) return { user: null, refreshAt: Infinity };
    return { user: await options.user(session.data, session), refreshAt: session.refreshAt };
  };
}

import type { Middleware, User } from "../../channels/index.ts";
import {
  assertFunction,
  assertKnownOptions,
  assertMethods,
  assertPositiveInteger,
  assertTexts,
  invalidOption,
  optionNames,
} from "../../core/options.ts";
import { guardCookies } from "../allowed-origins.ts";
import { readCookie } from "../cookies.ts";
import type { DjangoDatabase } from "./database.ts";
import type { DjangoRow } from "./query.ts";
import type { DjangoSessionEngine } from "./session-engine.ts";
import { isSessionHash } from "./session-hash.ts";
import { readSession } from "./session.ts";
import type { DjangoKeys } from "./signing.ts";

/** Which Django site, and who its users are here. */
export interface DjangoSessionsOptions {
  /** The site's `SECRET_KEY`. */
  readonly secretKey: string;
  /** The site's `SECRET_KEY_FALLBACKS`. */
  readonly secretKeyFallbacks?: readonly string[] | undefined;
  /** Where the site's users are. */
  readonly database: DjangoDatabase;
  /** Where its sessions are: its `SESSION_ENGINE`. @default the database */
  readonly engine?: DjangoSessionEngine | undefined;
  /** Makes our user of a row of the user table, which comes without the password; `null` is nobody. */
  readonly user: (row: DjangoRow) => User | null | Promise<User | null>;
  /** The site's `SESSION_COOKIE_NAME`. @default "sessionid" */
  readonly cookieName?: string | undefined;
  /** The `AUTHENTICATION_BACKENDS` whose users count. @default Django's `ModelBackend` */
  readonly backends?: readonly string[] | undefined;
  /** How often an open connection's session is looked at again. @default 60 s */
  readonly recheckMs?: number | undefined;
  /** Whether SHA-1 counts, as Django 3.2 allows for sessions made before 3.1. @default false */
  readonly allowSha1?: boolean | undefined;
}

const MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend";

const NAMES = optionNames<DjangoSessionsOptions>({
  secretKey: true,
  secretKeyFallbacks: true,
  database: true,
  engine: true,
  user: true,
  cookieName: true,
  backends: true,
  recheckMs: true,
  allowSha1: true,
});

/**
 * Recognises the user who signed in at a Django site, by the site's own session cookie.
 *
 * Checks what Django 3.2 to 5.2 check: the signature or the store, the expiry, the backend, that the
 * user is active, and that the password is the one the session was opened with. What does not hold
 * means that nobody is there; a storage that cannot be asked is logged and answered with 500. Nothing
 * is ever written, hence looking at a session does not prolong it.
 *
 * An open connection is looked at again every `recheckMs`, and when its session ends: after a logout or
 * a new password it is closed with 3000. Once a middleware before it has recognised somebody, it does
 * nothing.
 *
 * A browser sends its cookies from any page, hence requests from other origins are refused with 403
 * REQUEST_FORBIDDEN_ORIGIN, unless `allowedOrigins` has let them pass before.
 *
 * @throws {TidingsError} OPTION_INVALID for an empty key, or an option that is bad, missing, or that nobody knows.
 */
export function djangoSessions(options: DjangoSessionsOptions): Middleware {
  assertKnownOptions("`djangoSessions`", options, NAMES);
  const { database, engine = database, cookieName = "sessionid", recheckMs = 60_000 } = options;
  const { backends = [MODEL_BACKEND] } = options;
  assertMethods("database", database, ["load", "findUser"]);
  assertMethods("engine", engine, ["load"]);
  assertFunction("user", options.user);
  assertTexts("backends", backends);
  assertPositiveInteger("recheckMs", recheckMs);
  const keys = toKeys(options);
  return async (context) => {
    if (context.user) return undefined;
    const refusal = await guardCookies(context);
    if (refusal) return refusal;
    // Of several, Django takes the last: whoever it takes somebody for, we must take them for, too.
    const cookie = readCookie(context.request, cookieName).at(-1);
    const stored = cookie ? await engine.load(cookie, keys) : null;
    const session = stored && readSession(stored.data);
    if (!session || !backends.includes(session.backend)) return undefined;
    const found = await database.findUser(session.userId);
    if (!found || !isSessionHash(session.hash, found.password, keys)) return undefined;
    context.user = await options.user(found.row);
    if (context.user)
      context.expireAt(Math.min(Date.now() + recheckMs, stored.expiresAt ?? Infinity));
    return undefined;
  };
}

function toKeys({
  secretKey,
  secretKeyFallbacks = [],
  allowSha1 = false,
}: DjangoSessionsOptions): DjangoKeys {
  assertTexts("secretKeyFallbacks", secretKeyFallbacks);
  const secrets = [secretKey, ...secretKeyFallbacks];
  if (secrets.some((secret) => typeof secret !== "string" || secret === "")) {
    throw invalidOption("secretKey", "a text that is not empty", "an empty one");
  }
  return { secrets, allowSha1 };
}

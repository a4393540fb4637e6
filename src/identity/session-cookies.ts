import { createHmac, timingSafeEqual } from "node:crypto";

import { assertDuration, invalidOption } from "../core/options.ts";

/** How session cookies are named and signed. */
export interface SessionCookiesOptions {
  /** The cookie's name. @default "session" */
  readonly name?: string | undefined;
  /** Signs the session id; at least 32 characters, the same in every process. */
  readonly secret: string;
  /** How long a browser keeps the cookie, in milliseconds. @default 14 days */
  readonly maxAgeMs?: number | undefined;
  /** Send it over https only. @default false */
  readonly secure?: boolean | undefined;
}

/** Issues and reads signed session cookies. */
export interface SessionCookies {
  /** The `Set-Cookie` value that gives a browser this session. */
  issue(sessionId: string): string;
  /** The session id of a request; `null` when it has none or its signature is not ours. */
  read(request: Request): string | null;
  /** The `Set-Cookie` value that takes the session away. */
  clear(): string;
}

const MIN_SECRET_LENGTH = 32;
const COOKIE_NAME = /^[\w!#$%&'*+\-.^`|~]+$/;
const SESSION_ID = /^[\w\-.~]{1,200}$/;

/**
 * Makes signed, HttpOnly, SameSite=Lax session cookies.
 *
 * The cookie is `<session id>.<HMAC-SHA256>`: an id that we did not issue is refused without asking a
 * database. Sessions themselves are the application's: delete one there to sign its user out.
 *
 * @throws {TidingsError} OPTION_INVALID for a short secret, a bad name, or an id of other characters
 *   than letters, digits and `_-.~`.
 */
export function sessionCookies({
  name = "session",
  secret,
  maxAgeMs = 14 * 86_400_000,
  secure = false,
}: SessionCookiesOptions): SessionCookies {
  if (!COOKIE_NAME.test(name)) throw invalidOption("name", "a cookie name", name);
  if (secret.length < MIN_SECRET_LENGTH) {
    throw invalidOption(
      "secret",
      `at least ${MIN_SECRET_LENGTH} characters`,
      `${secret.length} characters`,
    );
  }
  const maxAge = Math.floor(assertDuration("maxAgeMs", maxAgeMs) / 1000);
  const attributes = `Path=/; HttpOnly; SameSite=Lax${secure ? "; Secure" : ""}`;
  const sign = (sessionId: string): string =>
    createHmac("sha256", secret).update(`${name}=${sessionId}`).digest("base64url");
  return {
    issue(sessionId) {
      if (!SESSION_ID.test(sessionId))
        throw invalidOption("sessionId", "letters, digits and _-.~", "another text");
      return `${name}=${sessionId}.${sign(sessionId)}; Max-Age=${maxAge}; ${attributes}`;
    },
    read(request) {
      const value = readCookie(request.headers.get("cookie") ?? "", name);
      const dot = value?.lastIndexOf(".") ?? -1;
      if (!value || dot < 1) return null;
      const sessionId = value.slice(0, dot);
      return isEqual(value.slice(dot + 1), sign(sessionId)) ? sessionId : null;
    },
    clear: () => `${name}=; Max-Age=0; ${attributes}`,
  };
}

/** The value of a cookie in a `Cookie` header (RFC 6265 §5.4). */
function readCookie(header: string, name: string): string | undefined {
  for (const pair of header.split(";")) {
    const equals = pair.indexOf("=");
    if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
  }
  return undefined;
}

function isEqual(given: string, expected: string): boolean {
  const left = Buffer.from(given);
  const right = Buffer.from(expected);
  return left.length === right.length && timingSafeEqual(left, right);
}

import { randomBytes } from "node:crypto";

import { TidingsError } from "../../core/errors.ts";
import { assertKnownOptions, optionNames } from "../../core/options.ts";
import { MAX_COOKIE_BYTES } from "../cookies.ts";
import type { Secret } from "../signature.ts";
import { SessionCookie, type SessionCookieOptions } from "./session-cookie.ts";
import {
  assertSchema,
  decodeSession,
  encodeSession,
  type SessionDataSchema,
  type SessionRecord,
} from "./session-data.ts";
import { SessionLifetime, type SessionLifetimeOptions } from "./session-lifetime.ts";
import type { IssuedSession, Session, Sessions } from "./session.ts";

/** What a session holds, and how long it lasts. */
export interface CookieSessionsOptions<TData> extends SessionLifetimeOptions {
  /** Signs the cookies; at least 32 characters, the same in every process. Of several the first signs. */
  readonly secret: Secret;
  /** What a session holds. One that no longer fits counts as none. */
  readonly data: SessionDataSchema<TData>;
  readonly cookie?: SessionCookieOptions | undefined;
}

const NAMES = optionNames<CookieSessionsOptions<unknown>>({
  secret: true,
  data: true,
  cookie: true,
  idleMs: true,
  absoluteMs: true,
  now: true,
});

/**
 * Sessions that are kept in the browser's cookie: signed, so that nobody can change them.
 *
 * No store is needed. In return: the owner of the browser can read the data; the cookie, signature and
 * attributes together have 4,096 bytes; `save` is the only thing that postpones the end; and what was
 * issued once holds until its end, hence after `destroy` and `rotate` a copy of the old cookie still
 * opens the session. Where a sign-out must hold, take {@link storedSessions}.
 *
 * @throws {TidingsError} OPTION_INVALID for an option that is bad, missing, or that nobody knows. From `create`, `save` and `rotate`:
 *   MESSAGE_INVALID for data that does not fit, SESSION_TOO_LARGE.
 */
export function cookieSessions<TData>(options: CookieSessionsOptions<TData>): Sessions<TData> {
  return new CookieSessions(options);
}

class CookieSessions<TData> implements Sessions<TData> {
  readonly #schema: SessionDataSchema<TData>;
  readonly #cookie: SessionCookie;
  readonly #lifetime: SessionLifetime;

  constructor(options: CookieSessionsOptions<TData>) {
    assertKnownOptions("`cookieSessions`", options, NAMES);
    this.#schema = assertSchema(options.data);
    this.#cookie = new SessionCookie(options.cookie ?? {}, options.secret);
    this.#lifetime = new SessionLifetime(options);
  }

  async create(data: TData): Promise<IssuedSession<TData>> {
    return await this.#issue(newKey(), { data, createdAt: this.#lifetime.now() });
  }

  async load(request: Request): Promise<Session<TData> | null> {
    for (const text of this.#cookie.read(request)) {
      const session = await this.#read(text);
      if (session) return session;
    }
    return null;
  }

  async save(
    { key, createdAt, expiresAt }: Session<TData>,
    data: TData,
  ): Promise<IssuedSession<TData> | null> {
    if (expiresAt <= this.#lifetime.now()) return null;
    return await this.#issue(key, { data, createdAt });
  }

  async rotate(
    session: Session<TData>,
    data: TData = session.data,
  ): Promise<IssuedSession<TData> | null> {
    return await this.save({ ...session, key: newKey() }, data);
  }

  async destroy(): Promise<string> {
    return this.#cookie.clear();
  }

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}

  async #issue(key: string, record: SessionRecord<TData>): Promise<IssuedSession<TData>> {
    const expiresAt = Math.ceil(this.#lifetime.endOf(record.createdAt));
    const json = await encodeSession(this.#schema, record, MAX_COOKIE_BYTES);
    const text = [key, expiresAt, Buffer.from(json).toString("base64url")].join(".");
    if (text.length > MAX_TEXT_LENGTH) {
      throw new TidingsError(
        "SESSION_TOO_LARGE",
        `expected a session of ${MAX_TEXT_LENGTH} characters in its cookie, got ${text.length}; keep it in a store`,
      );
    }
    const setCookie = this.#cookie.issue(text, expiresAt - this.#lifetime.now());
    return { session: toSession(key, expiresAt, record), setCookie };
  }

  async #read(text: string): Promise<Session<TData> | null> {
    const [key = "", end, data = ""] = text.split(".");
    const expiresAt = Number(end);
    if (!(expiresAt > this.#lifetime.now())) return null;
    const json = Buffer.from(data, "base64url").toString();
    const record = await decodeSession(this.#schema, json);
    if (!record || this.#lifetime.endOf(record.createdAt) <= this.#lifetime.now()) return null;
    return toSession(key, expiresAt, record);
  }
}

/** What a cookie of 4,096 bytes has room for beside name, signature and attributes. */
const MAX_TEXT_LENGTH = 3_700;

function toSession<TData>(
  key: string,
  expiresAt: number,
  { data, createdAt }: SessionRecord<TData>,
): Session<TData> {
  return { key, data, createdAt, expiresAt, refreshAt: expiresAt };
}

function newKey(): string {
  return randomBytes(16).toString("base64url");
}

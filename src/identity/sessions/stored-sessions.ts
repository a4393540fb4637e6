import { createHash, randomBytes } from "node:crypto";

import {
  assertKnownOptions,
  assertPositiveInteger,
  invalidOption,
  optionNames,
} from "../../core/options.ts";
import type { Secret } from "../signature.ts";
import { openSessionStore } from "./open-session-store.ts";
import { SessionCookie, type SessionCookieOptions } from "./session-cookie.ts";
import {
  assertSchema,
  decodeSession,
  encodeSession,
  type SessionDataSchema,
  type SessionRecord,
} from "./session-data.ts";
import { SessionLifetime, type SessionLifetimeOptions } from "./session-lifetime.ts";
import type { SessionStore } from "./session-store.ts";
import type { IssuedSession, Session, Sessions } from "./session.ts";

/** Where sessions are, what they hold, and how long they last. */
export interface StoredSessionsOptions<TData> extends SessionLifetimeOptions {
  /** A URL for {@link openSessionStore}, or a store. It is closed together with the sessions. */
  readonly store: string | SessionStore;
  /** Signs the cookies; at least 32 characters, the same in every process. Of several the first signs. */
  readonly secret: Secret;
  /** What a session holds. One that no longer fits counts as none. */
  readonly data: SessionDataSchema<TData>;
  readonly cookie?: SessionCookieOptions | undefined;
  /** How large a session may be, as JSON. @default 65_536 */
  readonly maxBytes?: number | undefined;
}

const NAMES = optionNames<StoredSessionsOptions<unknown>>({
  store: true,
  secret: true,
  data: true,
  cookie: true,
  maxBytes: true,
  idleMs: true,
  absoluteMs: true,
  now: true,
});

/**
 * Sessions that are kept on the server's side; the browser's cookie holds a signed random id.
 *
 * So a sign-out holds at once, everywhere. The id itself is not in the store but its SHA-256, hence
 * whoever reads the store cannot open its sessions. Using a session postpones its end, which is written
 * at most once a minute; an open connection that is looked at again is a use. A store that cannot be
 * asked makes every method throw.
 *
 * @throws {TidingsError} OPTION_INVALID for an option that is bad, missing, or that nobody knows; of the store, what {@link openSessionStore}
 *   throws. From `create`, `save` and `rotate`: MESSAGE_INVALID for data that does not fit,
 *   SESSION_TOO_LARGE.
 */
export function storedSessions<TData>(options: StoredSessionsOptions<TData>): Sessions<TData> {
  return new StoredSessions(options);
}

class StoredSessions<TData> implements Sessions<TData> {
  readonly #schema: SessionDataSchema<TData>;
  readonly #maxBytes: number;
  readonly #cookie: SessionCookie;
  readonly #lifetime: SessionLifetime;
  readonly #store: SessionStore;
  /** Not in the session itself, which may be logged or sent to somebody. */
  readonly #ids = new WeakMap<Session<TData>, string>();

  constructor(options: StoredSessionsOptions<TData>) {
    assertKnownOptions("`storedSessions`", options, NAMES);
    const { maxBytes = 65_536, cookie = {} } = options;
    this.#schema = assertSchema(options.data);
    this.#maxBytes = assertPositiveInteger("maxBytes", maxBytes);
    this.#cookie = new SessionCookie(cookie, options.secret);
    this.#lifetime = new SessionLifetime(options);
    this.#store = openSessionStore(options.store);
  }

  async create(data: TData): Promise<IssuedSession<TData>> {
    const createdAt = this.#lifetime.now();
    return await this.#start({ data, createdAt }, await this.#encode({ data, createdAt }));
  }

  async load(request: Request): Promise<Session<TData> | null> {
    for (const id of this.#cookie.read(request)) {
      const session = await this.#find(id);
      if (session) return session;
    }
    return null;
  }

  async save(session: Session<TData>, data: TData): Promise<IssuedSession<TData> | null> {
    const id = this.#idOf(session);
    const { createdAt, key } = session;
    const value = await this.#encode({ data, createdAt });
    const expiresAt = this.#lifetime.endOf(createdAt);
    if (!(await this.#store.update(key, { value, expiresAt }))) return null;
    return this.#issue(id, { data, createdAt, expiresAt });
  }

  async rotate(
    session: Session<TData>,
    data: TData = session.data,
  ): Promise<IssuedSession<TData> | null> {
    const record = { data, createdAt: session.createdAt };
    const value = await this.#encode(record);
    // Whoever has signed out meanwhile must not be signed in again by this.
    if (!(await this.#store.delete(session.key))) return null;
    return await this.#start(record, value);
  }

  async destroy(target: Request | Pick<Session<TData>, "key">): Promise<string> {
    const keys = "key" in target ? [target.key] : this.#cookie.read(target).map(toKey);
    await Promise.all(keys.map((key) => this.#store.delete(key)));
    return this.#cookie.clear();
  }

  async close(): Promise<void> {
    await this.#store.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #encode(record: SessionRecord<TData>): Promise<string> {
    return await encodeSession(this.#schema, record, this.#maxBytes);
  }

  async #start(record: SessionRecord<TData>, value: string): Promise<IssuedSession<TData>> {
    const id = randomBytes(24).toString("base64url");
    const expiresAt = this.#lifetime.endOf(record.createdAt);
    await this.#store.set(toKey(id), { value, expiresAt });
    return this.#issue(id, { ...record, expiresAt });
  }

  async #find(id: string): Promise<Session<TData> | null> {
    const key = toKey(id);
    const stored = await this.#store.get(key);
    const record = stored && (await decodeSession(this.#schema, stored.value));
    if (!record) return null;
    const { now, touchMs } = this.#lifetime;
    const end = this.#lifetime.endOf(record.createdAt);
    if (end <= now()) return null;
    const isTouched = end - stored.expiresAt >= touchMs;
    // It has been destroyed in between.
    if (isTouched && !(await this.#store.update(key, { expiresAt: end }))) return null;
    return this.#toSession(id, { ...record, expiresAt: isTouched ? end : stored.expiresAt });
  }

  #issue(id: string, part: SessionPart<TData>): IssuedSession<TData> {
    const maxAgeMs = part.createdAt + this.#lifetime.absoluteMs - this.#lifetime.now();
    return { session: this.#toSession(id, part), setCookie: this.#cookie.issue(id, maxAgeMs) };
  }

  #toSession(id: string, { data, createdAt, expiresAt }: SessionPart<TData>): Session<TData> {
    const { now, idleMs } = this.#lifetime;
    const refreshAt = Math.min(expiresAt, now() + idleMs / 2);
    const session = { key: toKey(id), data, createdAt, expiresAt, refreshAt };
    this.#ids.set(session, id);
    return session;
  }

  #idOf(session: Session<TData>): string {
    const id = this.#ids.get(session);
    if (id !== undefined) return id;
    throw invalidOption("session", "one that `create`, `load` or `rotate` returned", "a copy");
  }
}

interface SessionPart<TData> extends SessionRecord<TData> {
  readonly expiresAt: number;
}

function toKey(id: string): string {
  return createHash("sha256").update(id).digest("base64url");
}

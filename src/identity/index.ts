/**
 * Who is there: origins, sessions, tokens, and the users of a Django site.
 *
 * Middleware for routes, the same for an upgrade, a stream, a poll and a POST. Knows requests; must
 * never know a socket or what a route does.
 *
 * @module
 */
export { allowedOrigins } from "./allowed-origins.ts";
export { authorize, requireUser, type AuthorizeOptions } from "./authorize.ts";
export { parseCookies, readCookie, serializeCookie, type CookieAttributes } from "./cookies.ts";
export {
  djangoCache,
  type DjangoCacheKeys,
  type DjangoCacheOptions,
  type DjangoOtherCache,
  type DjangoRedisCache,
  type GetFromCache,
} from "./django/cache.ts";
export {
  djangoDatabase,
  type DjangoDatabase,
  type DjangoDatabaseOptions,
  type DjangoDriver,
  type DjangoSqlite,
  type DjangoTables,
} from "./django/database.ts";
export type { DjangoUser, DjangoUserColumns } from "./django/database-users.ts";
export { djangoSessions, type DjangoSessionsOptions } from "./django/django-sessions.ts";
export type { DjangoDialect, DjangoQuery, DjangoRow } from "./django/query.ts";
export type {
  DjangoSessionEngine,
  StoredSession as StoredDjangoSession,
} from "./django/session-engine.ts";
export { djangoSignedCookies, type DjangoSignedCookiesOptions } from "./django/signed-cookies.ts";
export type { DjangoKeys } from "./django/signing.ts";
export {
  sessionAuth,
  type FindUser,
  type RecheckOptions,
  type SessionUserOptions,
} from "./session-auth.ts";
export { cookieSessions, type CookieSessionsOptions } from "./sessions/cookie-sessions.ts";
export { MemorySessionStore, type MemorySessionStoreOptions } from "./sessions/memory.ts";
export { openSessionStore } from "./sessions/open-session-store.ts";
export { RedisSessionStore, type RedisSessionStoreOptions } from "./sessions/redis.ts";
export type { SessionCookieOptions } from "./sessions/session-cookie.ts";
export type { SessionDataSchema } from "./sessions/session-data.ts";
export type { SessionLifetimeOptions } from "./sessions/session-lifetime.ts";
export type { SessionStore, StoredSession } from "./sessions/session-store.ts";
export type { IssuedSession, Session, Sessions } from "./sessions/session.ts";
export { SqliteSessionStore, type SqliteSessionStoreOptions } from "./sessions/sqlite.ts";
export { storedSessions, type StoredSessionsOptions } from "./sessions/stored-sessions.ts";
export type { Secret } from "./signature.ts";
export type { TokenPlace } from "./tokens/presented-token.ts";
export {
  tokenAuth,
  type TokenAuthOptions,
  type TokenClaims,
  type TokenRules,
} from "./tokens/token-auth.ts";
export type {
  PublicTokenKey,
  SecretTokenKey,
  TokenKeys,
  TokenKeySet,
} from "./tokens/token-keys.ts";

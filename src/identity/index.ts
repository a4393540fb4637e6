/**
 * Who is there: origins, sessions, tokens, and the users of a Django site.
 *
 * Middleware for routes, the same for an upgrade, a stream, a poll and a POST. Knows requests; must
 * never know a socket or what a route does.
 *
 * @module
 */
export { allowedOrigins } from "./allowed-origins.ts";
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
export type { DjangoSessionEngine, StoredSession } from "./django/session-engine.ts";
export { djangoSignedCookies, type DjangoSignedCookiesOptions } from "./django/signed-cookies.ts";
export type { DjangoKeys } from "./django/signing.ts";
export { sessionAuth, type FindUser } from "./session-auth.ts";
export {
  sessionCookies,
  type SessionCookies,
  type SessionCookiesOptions,
} from "./session-cookies.ts";

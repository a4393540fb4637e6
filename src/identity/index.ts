/**
 * Who is there: origins, sessions, tokens, and the users of a Django site.
 *
 * Middleware for routes, the same for an upgrade, a stream, a poll and a POST. Knows requests; must
 * never know a socket or what a route does.
 *
 * @module
 */
export { allowedOrigins } from "./allowed-origins.ts";
export { sessionAuth, type FindUser } from "./session-auth.ts";
export {
  sessionCookies,
  type SessionCookies,
  type SessionCookiesOptions,
} from "./session-cookies.ts";

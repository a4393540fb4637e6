import { expect, test } from "vitest";
import { z } from "zod";

import { allowedOrigins } from "./allowed-origins.ts";
import { authorize, requireUser } from "./authorize.ts";
import { serializeCookie } from "./cookies.ts";
import { djangoCache } from "./django/cache.ts";
import { djangoDatabase } from "./django/database.ts";
import { djangoSessions } from "./django/django-sessions.ts";
import { djangoSignedCookies } from "./django/signed-cookies.ts";
import { sessionAuth } from "./session-auth.ts";
import { cookieSessions } from "./sessions/cookie-sessions.ts";
import { MemorySessionStore } from "./sessions/memory.ts";
import { openSessionStore } from "./sessions/open-session-store.ts";
import { RedisSessionStore } from "./sessions/redis.ts";
import { SqliteSessionStore } from "./sessions/sqlite.ts";
import { storedSessions } from "./sessions/stored-sessions.ts";
import { tokenAuth } from "./tokens/token-auth.ts";

const secret = "a secret for tests, 32 characters";
const data = z.object({ name: z.string() });
const user = (): null => null;
const store = "memory:";
const database = djangoDatabase({ dialect: "sqlite", query: () => [] });
const site = { secretKey: "key", database, user };
const sessions = cookieSessions({ secret, data });
const redis = { command: async () => null };

interface Refusal {
  readonly make: (...args: readonly never[]) => unknown;
  /** What a program without types may pass. */
  readonly args: readonly unknown[];
  readonly message: string;
}

const refusals: readonly Refusal[] = [
  {
    make: tokenAuth,
    args: [{ secret, audiance: "site", user }],
    message: '`tokenAuth` has no option "audiance" (did you mean `audience`?)',
  },
  { make: tokenAuth, args: [], message: "`tokenAuth` takes an object of options" },
  { make: tokenAuth, args: [secret], message: "`tokenAuth` takes an object of options" },
  { make: tokenAuth, args: [{ secret }], message: "`user` to be a function" },
  { make: tokenAuth, args: [{ user }], message: "exactly one of `secret`, `publicKey`, `jwks`" },
  {
    make: tokenAuth,
    args: [{ secret, publicKey: "x", user }],
    message: "exactly one of `secret`, `publicKey`, `jwks`, got `secret`, `publicKey`",
  },
  { make: tokenAuth, args: [{ secret: 5, user }], message: "`secret` to be a text of" },
  { make: tokenAuth, args: [{ secret: [null], user }], message: "`secret` to be a text of" },
  { make: tokenAuth, args: [{ jwks: null, user }], message: "`jwks` to be a URL" },
  { make: tokenAuth, args: [{ secret, user, from: "header" }], message: "`from` to be a list" },
  {
    make: tokenAuth,
    args: [{ secret, user, algorithms: "HS256" }],
    message: "`algorithms` to be a list",
  },
  {
    make: storedSessions,
    args: [{ store, secret, data, idleMS: 5 }],
    message: '`storedSessions` has no option "idleMS" (did you mean `idleMs`?)',
  },
  {
    make: storedSessions,
    args: [{ store, secret, data, cookie: { samesite: "Strict" } }],
    message: '`cookie` has no option "samesite" (did you mean `sameSite`?)',
  },
  { make: storedSessions, args: [], message: "`storedSessions` takes an object of options" },
  { make: storedSessions, args: [{ store, data }], message: "`secret` to be a text of" },
  { make: storedSessions, args: [{ store, secret }], message: "`data` to be a schema" },
  { make: storedSessions, args: [{ secret, data }], message: "`store` to be an object with" },
  {
    make: storedSessions,
    args: [{ store, secret, data, cookie: "name" }],
    message: "`cookie` takes an object of options",
  },
  { make: cookieSessions, args: [], message: "`cookieSessions` takes an object of options" },
  { make: cookieSessions, args: [{ data }], message: "`secret` to be a text of" },
  { make: cookieSessions, args: [{ secret }], message: "`data` to be a schema" },
  {
    make: cookieSessions,
    args: [{ secret, data, absolutMs: 5 }],
    message: '`cookieSessions` has no option "absolutMs" (did you mean `absoluteMs`?)',
  },
  {
    make: sessionAuth,
    args: [sessions, { user, recheckMS: 5 }],
    message: '`sessionAuth` has no option "recheckMS" (did you mean `recheckMs`?)',
  },
  { make: sessionAuth, args: [user, { user }], message: '`sessionAuth` has no option "user"' },
  { make: sessionAuth, args: [sessions], message: "`user` to be a function" },
  { make: sessionAuth, args: [], message: "`sessions` to be an object with `load`" },
  { make: sessionAuth, args: [user, null], message: "`sessionAuth` takes an object of options" },
  {
    make: djangoSessions,
    args: [{ ...site, backend: [] }],
    message: '`djangoSessions` has no option "backend" (did you mean `backends`?)',
  },
  { make: djangoSessions, args: [], message: "`djangoSessions` takes an object of options" },
  { make: djangoSessions, args: [{ ...site, user: undefined }], message: "`user` to be a func" },
  { make: djangoSessions, args: [{ ...site, database: {} }], message: "`database` to be an obj" },
  { make: djangoSessions, args: [{ ...site, engine: "db" }], message: "`engine` to be an object" },
  {
    make: djangoSessions,
    args: [{ ...site, secretKeyFallbacks: "old key" }],
    message: "`secretKeyFallbacks` to be a list of texts, got a string",
  },
  {
    make: djangoSessions,
    args: [{ ...site, backends: "django" }],
    message: "`backends` to be a list of texts",
  },
  {
    make: djangoDatabase,
    args: [{ sqlite: "x.db", timezone: "UTC" }],
    message: '`djangoDatabase` has no option "timezone" (did you mean `timeZone`?)',
  },
  {
    make: djangoDatabase,
    args: [{ sqlite: "x.db", userColumns: { isactive: null } }],
    message: '`userColumns` has no option "isactive" (did you mean `isActive`?)',
  },
  { make: djangoDatabase, args: [], message: "`djangoDatabase` takes an object of options" },
  { make: djangoDatabase, args: [{}], message: "`query` to be a function" },
  { make: djangoDatabase, args: [{ query: user }], message: "`dialect` to be one of" },
  { make: djangoDatabase, args: [{ sqlite: 5 }], message: "`sqlite` to be the path of a file" },
  {
    make: djangoCache,
    args: [{ redis, prefx: "site" }],
    message: '`djangoCache` has no option "prefx" (did you mean `prefix`?)',
  },
  { make: djangoCache, args: [], message: "`djangoCache` takes an object of options" },
  { make: djangoCache, args: [{}], message: "`redis` to be an object with `command`" },
  { make: djangoCache, args: [{ get: 5 }], message: "`get` to be a function" },
  {
    make: djangoSignedCookies,
    args: [{ cookieAge: 5 }],
    message: '`djangoSignedCookies` has no option "cookieAge" (did you mean `cookieAgeMs`?)',
  },
  { make: allowedOrigins, args: ["https://x"], message: "`rules` to be a list of texts" },
  { make: allowedOrigins, args: [{ origins: [] }], message: "`rules` to be a list of texts" },
  { make: allowedOrigins, args: [[undefined]], message: "`rules` to be a list of texts" },
  { make: authorize, args: [], message: "`check` to be a function" },
  {
    make: authorize,
    args: [user, { mesage: "no" }],
    message: '`authorize` has no option "mesage" (did you mean `message`?)',
  },
  { make: requireUser, args: ["no"], message: "`authorize` takes an object of options" },
  {
    make: serializeCookie,
    args: ["a", "b", { sameSit: "Strict" }],
    message: '`serializeCookie` has no option "sameSit" (did you mean `sameSite`?)',
  },
  {
    make: serializeCookie,
    args: ["a", "b", { sameSite: "none" }],
    message: "`sameSite` to be one of",
  },
  { make: openSessionStore, args: [], message: "`store` to be an object with" },
  { make: storeOf(MemorySessionStore), args: [{ maxSession: 5 }], message: "`maxSessions`?" },
  { make: storeOf(RedisSessionStore), args: [redis, { prefx: "a" }], message: "`prefix`?" },
  { make: storeOf(SqliteSessionStore), args: ["/dev/null/a.db", { noww: 5 }], message: "`now`?" },
];

test.each(refusals)("$make.name refuses $args: $message", ({ make, args, message }) => {
  expect(() => Reflect.apply(make, undefined, args)).toThrow(
    expect.objectContaining({
      name: "TidingsError",
      code: "OPTION_INVALID",
      message: expect.stringContaining(message),
    }),
  );
});

test("a secret that has come in the wrong place is in no message", () => {
  for (const make of [tokenAuth, storedSessions, djangoSessions]) {
    for (const args of [[secret], [{ secret: { secret } }], [{ secretKey: "a", user: secret }]]) {
      expect(() => Reflect.apply(make, undefined, args)).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining(secret) }),
      );
    }
  }
});

test("an option that is undefined is not given", () => {
  const options = { secret, publicKey: undefined, jwks: undefined, audiance: undefined, user };
  expect(tokenAuth(options)).toBeTypeOf("function");
});

function storeOf(kind: new (...args: never[]) => unknown): (...args: readonly never[]) => unknown {
  return (...args) => Reflect.construct(kind, args);
}

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { RouteContext } from "../../channels/index.ts";
import { allowedOrigins } from "../allowed-origins.ts";
import { djangoCache } from "./cache.ts";
import { djangoDatabase } from "./database.ts";
import { djangoSessions, type DjangoSessionsOptions } from "./django-sessions.ts";
import type { DjangoRow } from "./query.ts";
import { djangoSignedCookies } from "./signed-cookies.ts";
import { saltedHmac } from "./signing.ts";

const SECRET = "a key for tests of this project only";
const NOW = Date.parse("2026-07-01T12:00:00Z");
const ADA: DjangoRow = { id: 7, username: "ada", password: "md5$ada", is_active: true };
const MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("djangoSessions", () => {
  test("recognises whom the session names, until it is looked at again", async () => {
    const context = await pass({}, { cookie: `sessionid=${signedCookie()}` });
    expect(context.user).toEqual({ name: "ada" });
    expect(context.validUntil).toBe(NOW + 60_000);
  });

  test("looks again when the session ends, if that is sooner", async () => {
    const cookie = signedCookie({ signedAt: NOW - 14 * 86_400_000 + 5_000 });
    const context = await pass({}, { cookie: `sessionid=${cookie}` });
    expect(context.validUntil).toBe(NOW + 5_000);
  });

  test("recognises nobody when the session has ended", async () => {
    const cookie = signedCookie({ signedAt: NOW - 14 * 86_400_000 });
    const context = await pass({}, { cookie: `sessionid=${cookie}` });
    expect(context.user).toBeNull();
    expect(context.validUntil).toBeUndefined();
  });

  test("recognises nobody after the password changed", async () => {
    const context = await pass({ user: { ...ADA, password: "md5$new" } });
    expect(context.user).toBeNull();
  });

  test("recognises nobody who is not active, or no longer there", async () => {
    expect((await pass({ user: { ...ADA, is_active: false } })).user).toBeNull();
    expect((await pass({ user: undefined })).user).toBeNull();
  });

  test("recognises users of another backend only when it is listed", async () => {
    const headers = { cookie: `sessionid=${signedCookie({ backend: "site.auth.Tokens" })}` };
    expect((await pass({}, headers)).user).toBeNull();
    const backends = [MODEL_BACKEND, "site.auth.Tokens"];
    expect((await pass({ options: { backends } }, headers)).user).toEqual({ name: "ada" });
    expect((await pass({ options: { backends: ["site.auth.Tokens"] } })).user).toBeNull();
  });

  test("recognises a session of a former key only while it is a fallback", async () => {
    const headers = { cookie: `sessionid=${signedCookie()}` };
    const secretKey = "the next key";
    expect((await pass({ options: { secretKey } }, headers)).user).toBeNull();
    const options = { secretKey, secretKeyFallbacks: [SECRET] };
    expect((await pass({ options }, headers)).user).toEqual({ name: "ada" });
  });

  test("leaves out whom the application does not want", async () => {
    const context = await pass({ options: { user: async () => null } });
    expect(context.user).toBeNull();
    expect(context.validUntil).toBeUndefined();
  });

  test("takes the last of several cookies, as Django does", async () => {
    const good = `sessionid=${signedCookie()}`;
    expect((await pass({}, { cookie: `a=b; sessionid=x; ${good}` })).user).not.toBeNull();
    expect((await pass({}, { cookie: `${good}; sessionid=x` })).user).toBeNull();
    expect((await pass({}, { cookie: `my${good}` })).user).toBeNull();
    const options = { cookieName: "mysessionid" };
    expect((await pass({ options }, { cookie: `my${good}` })).user).not.toBeNull();
  });

  test("leaves a user whom a middleware before it has recognised", async () => {
    const origin = "https://app.example"; // a token may come from any site's page
    const context = newContext({ cookie: `sessionid=${signedCookie()}`, origin });
    context.user = { name: "token" };
    expect(await djangoSessions(toOptions({}))(context)).toBeUndefined();
    expect(context.user).toEqual({ name: "token" });
    expect(context.validUntil).toBeUndefined();
  });

  test("refuses other origins, unless allowedOrigins has let them pass", async () => {
    const headers = { cookie: `sessionid=${signedCookie()}`, origin: "https://app.example" };
    const auth = djangoSessions(toOptions({}));
    const refusal = await auth(newContext(headers));
    expect(refusal?.status).toBe(403);
    const context = newContext(headers);
    await allowedOrigins(["https://app.example"])(context);
    expect(await auth(context)).toBeUndefined();
    expect(context.user).toEqual({ name: "ada" });
  });

  test.each<Partial<DjangoSessionsOptions>>([
    { secretKey: "" },
    { secretKeyFallbacks: [""] },
    { recheckMs: 0 },
  ])("refuses %j", (options) => {
    expect(() => djangoSessions(toOptions({ options }))).toThrow("expected `");
  });
});

describe("djangoCache", () => {
  const keys = { secrets: [SECRET], allowSha1: false };

  test("asks for the key that Django makes, and gives what is there", async () => {
    const asked: string[] = [];
    const value = Buffer.from("{}");
    const get = (key: string): Buffer => {
      asked.push(key);
      return value;
    };
    expect(await djangoCache({ get }).load("abcdefgh", keys)).toEqual({ data: value });
    await djangoCache({ get, prefix: "site", version: 2 }).load("abcdefgh", keys);
    await djangoCache({ get }).load("not a key", keys);
    expect(asked).toEqual([
      ":1:django.contrib.sessions.cacheabcdefgh",
      "site:2:django.contrib.sessions.cacheabcdefgh",
    ]);
  });

  test("says that the cache cannot be asked, without the session's key", async () => {
    const get = async (key: string): Promise<Buffer> => {
      throw new Error(`no answer for ${key}`);
    };
    const load = djangoCache({ get }).load("secretsecret", keys);
    await expect(load).rejects.toThrow("no answer for :1:django.contrib.sessions.cache…");
  });

  test("refuses a version that is no integer", () => {
    expect(() => djangoCache({ get: () => null, version: 1.5 })).toThrow("expected `version`");
  });
});

interface Site {
  readonly user?: DjangoRow | undefined;
  readonly options?: Partial<DjangoSessionsOptions> | undefined;
}

async function pass(
  site: Site,
  headers: Readonly<Record<string, string>> = { cookie: `sessionid=${signedCookie()}` },
): Promise<RouteContext> {
  const context = newContext(headers);
  await djangoSessions(toOptions(site))(context);
  return context;
}

function toOptions(site: Site): DjangoSessionsOptions {
  const row = "user" in site ? site.user : ADA;
  return {
    secretKey: SECRET,
    database: djangoDatabase({ dialect: "postgresql", query: () => (row ? [row] : []) }),
    engine: djangoSignedCookies(),
    user: ({ username }) => ({ name: String(username) }),
    ...site.options,
  };
}

function newContext(headers: Readonly<Record<string, string>>): RouteContext {
  const request = new Request("https://site.example/ws", { headers });
  return new RouteContext({ request, params: {}, isUpgrade: true, address: "192.0.2.1" });
}

/** A cookie as Django's engine of signed cookies makes it. */
function signedCookie({
  signedAt = NOW,
  backend = MODEL_BACKEND,
}: { readonly signedAt?: number; readonly backend?: string } = {}): string {
  const hash = sign("django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash", "md5$ada");
  const session = {
    _auth_user_id: "7",
    _auth_user_backend: backend,
    _auth_user_hash: hash.toString("hex"),
  };
  const payload = Buffer.from(JSON.stringify(session)).toString("base64url");
  const value = `${payload}:${toBase62(signedAt / 1000)}`;
  const salt = "django.contrib.sessions.backends.signed_cookiessigner";
  return `${value}:${sign(salt, value).toString("base64url")}`;
}

function sign(salt: string, value: string): Buffer {
  return saltedHmac(salt, value, { secret: SECRET, algorithm: "sha256" });
}

function toBase62(value: number): string {
  const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  return value < 62
    ? digits.charAt(value)
    : toBase62(Math.floor(value / 62)) + digits.charAt(value % 62);
}

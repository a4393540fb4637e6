import { generateKeyPairSync, createHmac, type KeyObject } from "node:crypto";

import { exportJWK, SignJWT, UnsecuredJWT } from "jose";
import { describe, expect, test } from "vitest";

import { RouteContext } from "../../channels/index.ts";
import { tokenAuth, type TokenAuthOptions, type TokenRules } from "./token-auth.ts";

const SECRET = "a secret for tests, 32 characters";
const secretKey = new TextEncoder().encode(SECRET);
const rsa = generateKeyPairSync("rsa", { modulusLength: 2_048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const publicPem = rsa.publicKey.export({ type: "spki", format: "pem" }).toString();

const rules: TokenRules = { user: ({ sub }) => (sub === "ada" ? { name: sub } : null) };
const inAMinute = (): number => Math.floor(Date.now() / 1_000) + 60;

interface SignOptions {
  readonly alg?: string;
  readonly key?: KeyObject | Uint8Array;
  readonly kid?: string;
}

/** A token of Ada's that ends in a minute, unless the claims say otherwise. */
async function sign(
  claims: Record<string, unknown> = {},
  { alg = "HS256", key = secretKey, kid }: SignOptions = {},
): Promise<string> {
  return await new SignJWT({ sub: "ada", exp: inAMinute(), ...claims })
    .setProtectedHeader({ alg, ...(kid !== undefined && { kid }) })
    .sign(key);
}

interface Asked {
  readonly url?: string;
  readonly headers?: Record<string, string>;
  readonly isUpgrade?: boolean;
}

interface Passed {
  readonly context: RouteContext;
  readonly status: number | undefined;
  readonly challenge: string | null | undefined;
  readonly body: string | undefined;
}

async function pass(
  options: Partial<TokenAuthOptions> | TokenAuthOptions,
  { url = "http://site.example/", headers = {}, isUpgrade = false }: Asked,
): Promise<Passed> {
  const request = new Request(url, { headers });
  const context = new RouteContext({ request, params: {}, isUpgrade, address: "::1" });
  const all = { secret: SECRET, ...rules, ...options };
  const refusal = (await tokenAuth(all)(context)) ?? undefined;
  return {
    context,
    status: refusal?.status,
    challenge: refusal?.headers.get("www-authenticate"),
    body: await refusal?.text(),
  };
}

const bearer = (token: string): Asked => ({ headers: { authorization: `Bearer ${token}` } });

/** Only with this key, not with the secret that is there by default. */
async function passKeys(keys: object, asked: Asked): Promise<Passed> {
  const request = new Request("http://site.example/", { headers: asked.headers ?? {} });
  const context = new RouteContext({ request, params: {}, isUpgrade: false, address: "::1" });
  const refusal =
    (await tokenAuth({ ...rules, ...keys } as TokenAuthOptions)(context)) ?? undefined;
  return {
    context,
    status: refusal?.status,
    challenge: refusal?.headers.get("www-authenticate"),
    body: await refusal?.text(),
  };
}

describe("tokenAuth", () => {
  test("recognises whom a token speaks of, until it is looked at again or ends", async () => {
    const before = Date.now();
    const { context, status } = await pass({ recheckMs: 5_000 }, bearer(await sign()));
    expect(status).toBeUndefined();
    expect(context.user).toEqual({ name: "ada" });
    expect(context.validUntil).toBeGreaterThanOrEqual(before + 5_000);
    expect(context.validUntil).toBeLessThanOrEqual(Date.now() + 5_000);
    const exp = Math.floor(before / 1_000) + 3;
    const short = await pass({ clockToleranceMs: 2_000 }, bearer(await sign({ exp })));
    expect(short.context.validUntil).toBe(exp * 1_000 + 2_000);
  });

  test("refuses a request without a token, unless none is required", async () => {
    const refused = await pass({}, {});
    expect(refused).toMatchObject({ status: 401, challenge: "Bearer" });
    expect(JSON.parse(refused.body ?? "")).toMatchObject({
      error: { code: "REQUEST_UNAUTHENTICATED", message: "a token is required" },
    });
    const stranger = await pass({ required: false }, {});
    expect([stranger.status, stranger.context.user]).toEqual([undefined, null]);
    const basic = { headers: { authorization: "Basic YWRhOnNxdWFyZQ==" } };
    expect((await pass({}, basic)).status).toBe(401);
  });

  test("leaves alone whom a middleware before it has recognised", async () => {
    const request = new Request("http://site.example/");
    const context = new RouteContext({ request, params: {}, isUpgrade: false, address: "::1" });
    context.user = { name: "grace" };
    expect(await tokenAuth({ secret: SECRET, ...rules })(context)).toBeUndefined();
    expect(context.user).toEqual({ name: "grace" });
  });

  const bad: readonly (readonly [what: string, claims: Record<string, unknown>, reason: string])[] =
    [
      ["has ended", { exp: inAMinute() - 70 }, "the token has expired"],
      ["does not end", { exp: undefined }, "the token's claim exp does not hold"],
      ["does not hold yet", { nbf: inAMinute() }, "the token's claim nbf does not hold"],
      ["is of another issuer", { iss: "https://evil.example" }, "the token's claim iss"],
      ["names no issuer", { iss: undefined }, "the token's claim iss does not hold"],
      ["is for somebody else", { aud: "other" }, "the token's claim aud does not hold"],
      ["is of nobody whom we know", { sub: "eve" }, "the token is nobody's"],
    ];

  test.each(bad)("refuses a token that %s", async (_what, claims, reason) => {
    const options = { issuer: "https://id.example", audience: ["site", "app"] };
    const good = { iss: "https://id.example", aud: "site" };
    expect((await pass(options, bearer(await sign(good)))).status).toBeUndefined();
    for (const required of [true, false]) {
      const token = await sign({ ...good, ...claims });
      const refused = await pass({ ...options, required }, bearer(token));
      expect(refused).toMatchObject({ status: 401, context: { user: null } });
      expect(refused.challenge).toMatch(
        /^Bearer error="invalid_token", error_description="[^"]+"$/,
      );
      expect(refused.challenge).toContain(reason);
      expect(refused.body).not.toContain(token.slice(0, 20));
    }
  });

  test("allows for clocks that differ a little", async () => {
    const token = await sign({ exp: inAMinute() - 62, nbf: inAMinute() - 58 });
    expect((await pass({}, bearer(token))).status).toBeUndefined();
    expect((await pass({ clockToleranceMs: 0 }, bearer(token))).status).toBe(401);
  });

  test("refuses a token that was changed anywhere", async () => {
    const token = await sign();
    const [header = "", payload = "", signature = ""] = token.split(".");
    const other = Buffer.from(JSON.stringify({ sub: "ada", exp: inAMinute() + 1 }));
    for (const tampered of [
      `${header}.${other.toString("base64url")}.${signature}`,
      `${header}.${payload}.${signature.slice(0, -2)}AA`,
      `${header}.${payload}.`,
      `${header}.${payload}`,
      "junk",
    ]) {
      expect((await pass({}, bearer(tampered))).status, tampered).toBe(401);
    }
    expect((await pass({ secret: `${SECRET}!` }, bearer(token))).status).toBe(401);
  });

  test("refuses a token that nobody has signed", async () => {
    const none = new UnsecuredJWT({ sub: "ada", exp: inAMinute() }).encode();
    expect((await pass({}, bearer(none))).status).toBe(401);
    expect((await passKeys({ publicKey: publicPem }, bearer(none))).status).toBe(401);
    const header = Buffer.from('{"alg":"None"}').toString("base64url");
    const body = none.split(".")[1] ?? "";
    expect((await pass({}, bearer(`${header}.${body}.`))).status).toBe(401);
  });

  test("does not take a public key for a secret", async () => {
    const good = await sign({}, { alg: "RS256", key: rsa.privateKey });
    expect((await passKeys({ publicKey: publicPem }, bearer(good))).status).toBeUndefined();
    const header = Buffer.from('{"alg":"HS256","typ":"JWT"}').toString("base64url");
    const text = `${header}.${good.split(".")[1] ?? ""}`;
    for (const key of [publicPem, publicPem.trim()]) {
      const signature = createHmac("sha256", key).update(text).digest("base64url");
      expect(
        (await passKeys({ publicKey: publicPem }, bearer(`${text}.${signature}`))).status,
      ).toBe(401);
    }
    expect((await pass({}, bearer(good))).status).toBe(401);
  });

  test("takes no other algorithms than those that are allowed", async () => {
    const hs512 = await sign({}, { alg: "HS512", key: Buffer.from(SECRET.repeat(2)) });
    const secret = SECRET.repeat(2);
    expect((await pass({ secret }, bearer(hs512))).status).toBe(401);
    expect((await pass({ secret, algorithms: ["HS512"] }, bearer(hs512))).status).toBeUndefined();
    const es256 = await sign({}, { alg: "ES256", key: ec.privateKey });
    const publicKey = ec.publicKey.export({ type: "spki", format: "pem" }).toString();
    expect((await passKeys({ publicKey }, bearer(es256))).status).toBeUndefined();
    const only = { publicKey, algorithms: ["EdDSA"] };
    expect((await passKeys(only, bearer(es256))).status).toBe(401);
  });

  test("takes every secret of a list", async () => {
    const secret = ["another secret, of 32 characters or more", SECRET];
    expect((await pass({ secret }, bearer(await sign()))).status).toBeUndefined();
    const ended = await sign({ exp: inAMinute() - 100 });
    expect((await pass({ secret }, bearer(ended))).challenge).toContain("has expired");
  });

  test("finds the key of a set by its name", async () => {
    const keys = await Promise.all(
      [rsa, ec].map(async ({ publicKey }, index) => ({
        ...(await exportJWK(publicKey)),
        kid: `key-${index}`,
      })),
    );
    const jwks = { keys };
    const token = await sign({}, { alg: "ES256", key: ec.privateKey, kid: "key-1" });
    expect((await passKeys({ jwks }, bearer(token))).status).toBeUndefined();
    const unknown = await sign({}, { alg: "ES256", key: ec.privateKey, kid: "key-2" });
    expect((await passKeys({ jwks }, bearer(unknown))).status).toBe(401);
    const wrong = await sign({}, { alg: "RS256", key: rsa.privateKey, kid: "key-1" });
    expect((await passKeys({ jwks }, bearer(wrong))).status).toBe(401);
  });

  test("finds a token in the header, in a WebSocket's subprotocols, and where it is told to look", async () => {
    const token = await sign();
    const offered = { "sec-websocket-protocol": `tidings.v1, bearer.${token}` };
    const upgrade = { headers: offered, isUpgrade: true };
    const query = { url: `http://site.example/?access_token=${token}` };
    expect((await pass({}, upgrade)).status).toBeUndefined();
    expect((await pass({}, { headers: offered })).status).toBe(401);
    expect((await pass({ from: ["header"] }, upgrade)).status).toBe(401);
    expect((await pass({}, query)).status).toBe(401);
    expect((await pass({ from: ["query"] }, query)).status).toBeUndefined();
    expect((await pass({ from: ["query"] }, bearer(token))).status).toBe(401);
    expect((await pass({}, { headers: { authorization: `bearer   ${token}` } })).status).toBe(
      undefined,
    );
  });

  test("refuses several tokens, and what cannot be one, as malformed", async () => {
    const token = await sign();
    for (const asked of [
      { ...bearer(token), url: `http://site.example/?access_token=${token}` },
      { url: `http://site.example/?access_token=${token}&access_token=${token}` },
      bearer(""),
      bearer(`${token} ${token}`),
      bearer(`${token}"`),
      bearer("x".repeat(8_193)),
    ]) {
      const refused = await pass({ from: ["header", "query"] }, asked);
      expect(refused.status, JSON.stringify(asked).slice(0, 60)).toBe(400);
      expect(refused.challenge).toMatch(/^Bearer error="invalid_request", error_description="/);
      expect(refused.body).not.toContain(token.slice(0, 20));
    }
  });

  test("refuses bad keys and options where they are written, without repeating a key", () => {
    const define = (options: object) => () =>
      tokenAuth({ ...rules, ...options } as TokenAuthOptions);
    const privateKey = rsa.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    expect(define({ secret: "short" })).toThrow("at least 32 characters");
    expect(define({})).toThrow("one of `secret`, `publicKey`, `jwks`");
    expect(define({ publicKey: "junk" })).toThrow("a public key in PEM");
    expect(define({ publicKey: privateKey })).toThrow('got `"a private key"`');
    expect(define({ jwks: "http://id.example/keys" })).toThrow("an https URL");
    expect(define({ jwks: { keys: [{ kty: "oct", k: "AAAA" }] } })).toThrow("a set of public keys");
    expect(define({ secret: SECRET, algorithms: ["none"] })).toThrow("some of HS256");
    expect(define({ secret: SECRET, algorithms: ["RS256"] })).toThrow("some of HS256");
    expect(define({ publicKey: publicPem, algorithms: ["HS256"] })).toThrow("some of RS256");
    expect(define({ secret: SECRET, algorithms: [] })).toThrow("`algorithms`");
    expect(define({ secret: SECRET, from: ["cookie"] })).toThrow("some of header, subprotocol");
    expect(define({ secret: SECRET, from: [] })).toThrow("`from`");
    expect(define({ secret: SECRET, recheckMs: 0 })).toThrow("recheckMs");
    expect(define({ secret: SECRET, clockToleranceMs: -1 })).toThrow("clockToleranceMs");
  });
});

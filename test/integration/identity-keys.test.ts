import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";

import { exportJWK, SignJWT } from "jose";
import { use, httpConsumer, tokenAuth } from "tidings";
import { expect, test } from "vitest";

import { RemoteKeys } from "../../src/identity/tokens/remote-keys.ts";
import { serve } from "./serve.ts";

const pairs = [1, 2].map(() => generateKeyPairSync("ec", { namedCurve: "P-256" }));
const MINUTE = 60_000;

/** Where an issuer publishes its keys; a test changes what is answered. */
async function startIssuer() {
  const issuer = {
    url: "",
    requests: 0,
    answer: async (response: ServerResponse): Promise<unknown> => response.end(await keySet(0)),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  const server = createServer((_request, response) => {
    issuer.requests += 1;
    void issuer.answer(response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  issuer.url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/keys`;
  return issuer;
}

async function keySet(...indexes: readonly number[]): Promise<string> {
  const keys = indexes.map(async (index) => ({
    ...(await exportJWK(publicKeyOf(index))),
    kid: `key-${index}`,
  }));
  return JSON.stringify({ keys: await Promise.all(keys) });
}

function publicKeyOf(index: number): KeyObject {
  const pair = pairs[index];
  if (!pair) throw new Error(`no pair ${index}`);
  return pair.publicKey;
}

const find = async (keys: RemoteKeys, kid: string) =>
  await keys.get({ alg: "ES256", kid }, { payload: "", signature: "" });

test("a token is checked with the keys at a URL, which are fetched once", async () => {
  await using issuer = await startIssuer();
  const auth = tokenAuth({ jwks: issuer.url, user: ({ sub = "" }) => ({ name: sub }) });
  const whoami = httpConsumer({
    path: "/whoami",
    handle: (_request, { user }) => Response.json(user),
  });
  await using server = await serve(() => ({ routes: [use([auth], [whoami])] }));
  const ask = async (index: number): Promise<Response> => {
    const key = pairs[index]?.privateKey;
    if (!key) throw new Error(`no pair ${index}`);
    const token = await new SignJWT({ sub: "ada" })
      .setProtectedHeader({ alg: "ES256", kid: `key-${index}` })
      .setExpirationTime("1 minute")
      .sign(key);
    return await fetch(`${server.url}/whoami`, { headers: { authorization: `Bearer ${token}` } });
  };
  const answers = await Promise.all([ask(0), ask(0), ask(0)]);
  for (const answer of answers) expect(await answer.json()).toEqual({ name: "ada" });
  expect((await ask(1)).status).toBe(401);
  expect(issuer.requests).toBe(1);
});

test("a key that is new is found, and made-up keys do not make a fetch each", async () => {
  await using issuer = await startIssuer();
  let now = 0;
  const keys = new RemoteKeys(issuer.url, () => now);
  await find(keys, "key-0");
  issuer.answer = async (response) => response.end(await keySet(0, 1));
  const unknown = { code: "ERR_JWKS_NO_MATCHING_KEY" };
  await expect(find(keys, "key-1")).rejects.toMatchObject(unknown);
  now += 30_000;
  await Promise.all([find(keys, "key-1"), find(keys, "key-1")]);
  expect(issuer.requests).toBe(2);
  for (let n = 0; n < 10; n += 1) {
    await expect(find(keys, `made-up-${n}`)).rejects.toMatchObject(unknown);
  }
  expect(issuer.requests).toBe(2);
});

test("a key that was withdrawn counts no more after ten minutes", async () => {
  await using issuer = await startIssuer();
  let now = 0;
  const keys = new RemoteKeys(issuer.url, () => now);
  await find(keys, "key-0");
  issuer.answer = async (response) => response.end(await keySet(1));
  now += 10 * MINUTE + 1;
  await expect(find(keys, "key-0")).rejects.toMatchObject({ code: "ERR_JWKS_NO_MATCHING_KEY" });
});

test("while the issuer is away, its keys of the last day go on counting", async () => {
  await using issuer = await startIssuer();
  let now = 0;
  const keys = new RemoteKeys(issuer.url, () => now);
  await find(keys, "key-0");
  issuer.answer = async (response) => response.writeHead(503).end();
  now += 20 * MINUTE;
  await find(keys, "key-0");
  await find(keys, "key-0");
  expect(issuer.requests).toBe(2);
  now += 24 * 60 * MINUTE;
  const away = { code: "AUTH_KEYS_UNAVAILABLE", message: expect.stringContaining("got 503") };
  await expect(find(keys, "key-0")).rejects.toMatchObject(away);
  await expect(find(keys, "key-0")).rejects.toMatchObject(away);
  expect(issuer.requests).toBe(3);
  issuer.answer = async (response) => response.end(await keySet(0));
  now += 5_000;
  await find(keys, "key-0");
});

test("what is no set of public keys is refused, whatever its size and wherever it leads", async () => {
  await using issuer = await startIssuer();
  const answers: readonly (readonly [answer: typeof issuer.answer, reason: string])[] = [
    [async (response) => response.writeHead(302, { location: "/keys" }).end(), "got 302"],
    [async (response) => response.end("<html>"), "not valid JSON"],
    [async (response) => response.end('{"keys": 1}'), "a list `keys`"],
    [async (response) => response.end(`{"keys":[],"x":"${"x".repeat(600_000)}"}`), "524288 bytes"],
    [async (response) => response.destroy(), "fetch failed"],
  ];
  for (const [answer, reason] of answers) {
    issuer.answer = answer;
    await expect(find(new RemoteKeys(issuer.url), "key-0")).rejects.toMatchObject({
      code: "AUTH_KEYS_UNAVAILABLE",
      message: expect.stringContaining(reason),
    });
  }
  const secret = { kty: "oct", k: "AAAA", kid: "key-0", alg: "HS256" };
  issuer.answer = async (response) => response.end(JSON.stringify({ keys: [secret] }));
  await expect(find(new RemoteKeys(issuer.url), "key-0")).rejects.toMatchObject({
    code: "ERR_JWKS_NO_MATCHING_KEY",
  });
});

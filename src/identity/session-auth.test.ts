import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { z } from "zod";

import { RouteContext, type Middleware } from "../channels/index.ts";
import { sessionAuth } from "./session-auth.ts";
import { storedSessions } from "./sessions/stored-sessions.ts";

const NOW = Date.parse("2026-07-01T12:00:00Z");

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
});
afterEach(() => {
  vi.useRealTimers();
});

async function pass(middleware: Middleware, cookie = ""): Promise<RouteContext> {
  const request = new Request("http://site.example/", { headers: { cookie } });
  const context = new RouteContext({ request, params: {}, isUpgrade: false, address: "::1" });
  expect(await middleware(context)).toBeUndefined();
  return context;
}

function makeSessions(idleMs = 3_600_000) {
  return storedSessions({
    store: "memory:",
    secret: "a secret for tests, 32 characters",
    data: z.object({ name: z.string().nullable() }),
    idleMs,
  });
}

const toUser = ({ name }: { readonly name: string | null }) => (name === null ? null : { name });

test("recognises the user of a session, until it is looked at again", async () => {
  await using sessions = makeSessions();
  const auth = sessionAuth(sessions, { user: toUser });
  const { session, setCookie } = await sessions.create({ name: "ada" });
  const cookie = setCookie.split(";")[0] ?? "";
  const context = await pass(auth, cookie);
  expect([context.user, context.validUntil]).toEqual([{ name: "ada" }, NOW + 60_000]);
  await sessions.destroy(session);
  const after = await pass(auth, cookie);
  expect([after.user, after.validUntil]).toEqual([null, undefined]);
});

test("recognises nobody without a session, and nobody in one before the sign-in", async () => {
  await using sessions = makeSessions();
  const auth = sessionAuth(sessions, { user: toUser });
  expect((await pass(auth)).user).toBeNull();
  const { setCookie } = await sessions.create({ name: null });
  const context = await pass(auth, setCookie.split(";")[0]);
  expect([context.user, context.validUntil]).toEqual([null, undefined]);
});

test("looks again in time for a session that idles out sooner", async () => {
  await using sessions = makeSessions(10_000);
  const auth = sessionAuth(sessions, { user: toUser, recheckMs: 600_000 });
  const cookie = (await sessions.create({ name: "ada" })).setCookie.split(";")[0];
  for (let round = 0; round < 10; round += 1) {
    const { user, validUntil = 0 } = await pass(auth, cookie);
    expect(user).toEqual({ name: "ada" });
    expect(validUntil).toBe(Date.now() + 5_000);
    vi.setSystemTime(validUntil);
  }
});

test("asks a function of yours, which is asked again after `recheckMs`", async () => {
  const found = sessionAuth(async ({ url }) => ({ name: url }), { recheckMs: 5_000 });
  const context = await pass(found);
  expect([context.user, context.validUntil]).toEqual([
    { name: "http://site.example/" },
    NOW + 5_000,
  ]);
  const nobody = await pass(sessionAuth(() => null));
  expect([nobody.user, nobody.validUntil]).toEqual([null, undefined]);
  expect(() => sessionAuth(() => null, { recheckMs: 0 })).toThrow("recheckMs");
});

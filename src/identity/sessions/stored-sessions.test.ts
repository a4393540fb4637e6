import { describe, expect, test } from "vitest";
import { z } from "zod";

import { cookieSessions } from "./cookie-sessions.ts";
import { MemorySessionStore } from "./memory.ts";
import type { SessionStore, StoredSession } from "./session-store.ts";
import type { Session, Sessions } from "./session.ts";
import { storedSessions, type StoredSessionsOptions } from "./stored-sessions.ts";

const SECRET = "a secret for tests, 32 characters";
const Data = z.object({ name: z.string() });
type Data = z.infer<typeof Data>;
const MINUTE = 60_000;

/** A clock, and what is made with it: small times, so that every end is near. */
function setUp(options: Partial<StoredSessionsOptions<Data>> = {}) {
  const clock = { time: 1_000_000 };
  const now = (): number => clock.time;
  const store = new CountingStore(new MemorySessionStore({ now }));
  const lifetime = { idleMs: 30 * MINUTE, absoluteMs: 60 * MINUTE, now };
  const { store: given = store, ...others } = options;
  const common = { secret: SECRET, data: Data, ...lifetime, ...others };
  return {
    clock,
    store,
    stored: storedSessions<Data>({ store: given, ...common }),
    cookies: cookieSessions<Data>(common),
  };
}

/** Counts what is written. */
class CountingStore implements SessionStore {
  writes = 0;
  onGet: (() => Promise<unknown>) | undefined;
  readonly #store: SessionStore;

  constructor(store: SessionStore) {
    this.#store = store;
  }

  async get(key: string): Promise<StoredSession | null> {
    const session = await this.#store.get(key);
    await this.onGet?.();
    return session;
  }

  async set(key: string, session: StoredSession): Promise<void> {
    this.writes += 1;
    await this.#store.set(key, session);
  }

  async update(key: string, change: Partial<StoredSession>): Promise<boolean> {
    this.writes += 1;
    return await this.#store.update(key, change);
  }

  async delete(key: string): Promise<boolean> {
    return await this.#store.delete(key);
  }

  async close(): Promise<void> {
    await this.#store.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

const pairOf = (setCookie: string): string => setCookie.split(";")[0] ?? "";

/** A request that brings these cookies. */
function bring(...cookies: readonly string[]): Request {
  return new Request("https://site.example/", { headers: { cookie: cookies.join("; ") } });
}

const kinds = ["stored", "cookies"] as const;

describe.each(kinds)("%s sessions", (kind) => {
  test("give a browser a cookie, and know it again by that", async () => {
    const { [kind]: sessions, clock } = setUp();
    const { session, setCookie } = await sessions.create({ name: "ada" });
    expect(setCookie).toMatch(
      /^__Host-session=[\w.-]+; Max-Age=\d+; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    );
    expect(session).toMatchObject({ data: { name: "ada" }, createdAt: clock.time });
    expect(await sessions.load(bring("a=1", pairOf(setCookie)))).toEqual(session);
    expect(await sessions.load(bring("a=1"))).toBeNull();
    expect(await sessions.load(new Request("https://site.example/"))).toBeNull();
  });

  test("set the cookie that the options describe", async () => {
    const open = setUp({ cookie: { secure: false } })[kind];
    const { setCookie } = await open.create({ name: "ada" });
    expect(setCookie).toMatch(/^session=[^;]+; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Lax$/);
    expect(await open.destroy(bring(pairOf(setCookie)))).toBe(
      "session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax",
    );
    const shared = setUp({ cookie: { domain: "example.com", sameSite: "Strict" } })[kind];
    expect((await shared.create({ name: "ada" })).setCookie).toMatch(
      /^session=[^;]+; Max-Age=\d+; Domain=example.com; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    );
    expect(() => setUp({ cookie: { secure: false, name: "__Host-a" } })[kind]).toThrow("secure");
  });

  test("know no cookie that was changed, cut, or signed for something else", async () => {
    const { [kind]: sessions } = setUp();
    const [name = "", value = ""] = pairOf(
      (await sessions.create({ name: "ada" })).setCookie,
    ).split("=");
    for (let at = 0; at < value.length; at += 1) {
      const other = value[at] === "A" ? "B" : "A";
      const tampered = value.slice(0, at) + other + value.slice(at + 1);
      expect(await sessions.load(bring(`${name}=${tampered}`)), `${at}`).toBeNull();
    }
    for (const bad of ["", ".", "..", value.slice(0, -1), `${value}A`, value.split(".")[0] ?? ""]) {
      expect(await sessions.load(bring(`${name}=${bad}`)), bad).toBeNull();
    }
    const elsewhere = setUp({ cookie: { name: "other" } })[kind];
    const foreign = pairOf((await elsewhere.create({ name: "ada" })).setCookie).split("=")[1];
    expect(await sessions.load(bring(`${name}=${foreign}`))).toBeNull();
  });

  test("find the right one among cookies of the same name, of which few are looked at", async () => {
    const { [kind]: sessions } = setUp();
    const cookie = pairOf((await sessions.create({ name: "ada" })).setCookie);
    const junk = "__Host-session=junk.AAAA";
    expect((await sessions.load(bring(junk, cookie)))?.data).toEqual({ name: "ada" });
    expect(await sessions.load(bring(junk, junk, junk, junk, cookie))).toBeNull();
    expect(await sessions.load(bring(`__Host-session=${"x".repeat(20_000)}`, cookie))).toBeNull();
  });

  test("sign with the first secret, and know what another one of the list has signed", async () => {
    const next = "another secret, of 32 characters or more";
    const { [kind]: old, store, clock } = setUp();
    const cookie = pairOf((await old.create({ name: "ada" })).setCookie);
    const shared = { store, now: () => clock.time };
    const both = setUp({ ...shared, secret: [next, SECRET] })[kind];
    expect((await both.load(bring(cookie)))?.data).toEqual({ name: "ada" });
    const only = setUp({ ...shared, secret: next })[kind];
    expect(await only.load(bring(cookie))).toBeNull();
    const fresh = pairOf((await both.create({ name: "grace" })).setCookie);
    expect((await only.load(bring(fresh)))?.data).toEqual({ name: "grace" });
    expect(await old.load(bring(fresh))).toBeNull();
    expect(() => setUp({ secret: [] })[kind]).toThrow("at least one secret");
    expect(() => setUp({ secret: [next, "short"] })[kind]).toThrow("at least 32 characters, got 5");
    expect(() => setUp({ secret: "hidden" })[kind]).not.toThrow("hidden");
  });

  test("store other data under the same key", async () => {
    const { [kind]: sessions } = setUp();
    const { session } = await sessions.create({ name: "ada" });
    const saved = await sessions.save(session, { name: "grace" });
    const loaded = await sessions.load(bring(pairOf(saved?.setCookie ?? "")));
    expect(loaded).toMatchObject({ key: session.key, data: { name: "grace" } });
  });

  test("refuse data that does not fit its schema, or is too large", async () => {
    const { [kind]: sessions } = setUp();
    const wrong = JSON.parse('{ "name": 1 }');
    await expect(sessions.create(wrong)).rejects.toMatchObject({ code: "MESSAGE_INVALID" });
    const { session } = await sessions.create({ name: "ada" });
    const large = { name: "x".repeat(70_000) };
    const tooLarge = { code: "SESSION_TOO_LARGE" };
    await expect(sessions.create(large)).rejects.toMatchObject(tooLarge);
    await expect(sessions.save(session, large)).rejects.toMatchObject(tooLarge);
    await expect(sessions.rotate(session, large)).rejects.toMatchObject(tooLarge);
  });

  test("count a session whose data no longer fits as none", async () => {
    const { [kind]: sessions, store, clock } = setUp();
    const cookie = pairOf((await sessions.create({ name: "ada" })).setCookie);
    const common = { secret: SECRET, data: z.object({ id: z.number() }), now: () => clock.time };
    const newer: Sessions<{ id: number }> =
      kind === "stored" ? storedSessions({ store, ...common }) : cookieSessions(common);
    expect(await newer.load(bring(cookie))).toBeNull();
  });

  test("end after some time without use, and some time after they began", async () => {
    const { [kind]: sessions, clock } = setUp();
    const start = clock.time;
    let cookie = pairOf((await sessions.create({ name: "ada" })).setCookie);
    clock.time = start + 30 * MINUTE - 1;
    const loaded = await sessions.load(bring(cookie));
    expect(loaded).not.toBeNull();
    const saved = loaded && (await sessions.save(loaded, loaded.data));
    expect(saved?.session.expiresAt).toBe(clock.time + 30 * MINUTE);
    cookie = pairOf(saved?.setCookie ?? "");
    clock.time = start + 60 * MINUTE - 2;
    const last = await sessions.load(bring(cookie));
    expect(last?.data).toEqual({ name: "ada" });
    clock.time += 2;
    expect(await sessions.load(bring(cookie))).toBeNull();
    expect(last && (await sessions.save(last, last.data))).toBeNull();
    expect(last && (await sessions.rotate(last))).toBeNull();
    const idle = pairOf((await sessions.create({ name: "ada" })).setCookie);
    clock.time += 30 * MINUTE;
    expect(await sessions.load(bring(idle))).toBeNull();
  });

  test("end sooner when they may last less long than when they began", async () => {
    const { [kind]: sessions, store, clock } = setUp();
    const cookie = pairOf((await sessions.create({ name: "ada" })).setCookie);
    clock.time += 20 * MINUTE;
    const lifetime = { idleMs: 10 * MINUTE, absoluteMs: 20 * MINUTE, now: () => clock.time };
    const stricter = setUp({ store, ...lifetime })[kind];
    expect(await stricter.load(bring(cookie))).toBeNull();
    expect(await sessions.load(bring(cookie))).not.toBeNull();
  });

  test("get another id when they are rotated, and keep when they began", async () => {
    const { [kind]: sessions, clock } = setUp();
    const { session, setCookie } = await sessions.create({ name: "ada" });
    clock.time += MINUTE;
    const rotated = await sessions.rotate(session);
    expect(rotated?.session.key).not.toBe(session.key);
    expect(rotated?.session).toMatchObject({ data: session.data, createdAt: session.createdAt });
    expect(pairOf(rotated?.setCookie ?? "")).not.toBe(pairOf(setCookie));
    const loaded = await sessions.load(bring(pairOf(rotated?.setCookie ?? "")));
    expect(loaded?.key).toBe(rotated?.session.key);
    const staff = rotated && (await sessions.rotate(rotated.session, { name: "root" }));
    expect(staff?.session.data).toEqual({ name: "root" });
  });

  test("have ids that nobody can guess", async () => {
    const { [kind]: sessions } = setUp();
    const cookies = new Set<string>();
    for (let n = 0; n < 50; n += 1) cookies.add((await sessions.create({ name: "a" })).setCookie);
    expect(cookies.size).toBe(50);
  });

  test("refuse times that are none", () => {
    expect(() => setUp({ idleMs: 0 })[kind]).toThrow("idleMs");
    expect(() => setUp({ idleMs: 10, absoluteMs: 5 })[kind]).toThrow("at least idleMs");
  });
});

describe("stored sessions", () => {
  test("are over at once when they are destroyed, by request or by key", async () => {
    const { stored: sessions } = setUp();
    const first = await sessions.create({ name: "ada" });
    const second = await sessions.create({ name: "ada" });
    const clear = await sessions.destroy(bring(pairOf(first.setCookie)));
    expect(clear).toMatch(/^__Host-session=; Max-Age=0; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
    expect(await sessions.load(bring(pairOf(first.setCookie)))).toBeNull();
    expect(await sessions.load(bring(pairOf(second.setCookie)))).not.toBeNull();
    await sessions.destroy({ key: second.session.key });
    expect(await sessions.load(bring(pairOf(second.setCookie)))).toBeNull();
    for (const { session } of [first, second]) {
      expect(await sessions.save(session, { name: "eve" })).toBeNull();
      expect(await sessions.rotate(session)).toBeNull();
    }
    expect(await sessions.destroy(new Request("https://site.example/"))).toBe(clear);
  });

  test("do not open by an old id after they were rotated", async () => {
    const { stored: sessions } = setUp();
    const known = await sessions.create({ name: "stranger" });
    await sessions.rotate(known.session, { name: "ada" });
    expect(await sessions.load(bring(pairOf(known.setCookie)))).toBeNull();
  });

  test("are not revived by a request that was under way when they were destroyed", async () => {
    const { stored: sessions, store, clock } = setUp();
    const { session, setCookie } = await sessions.create({ name: "ada" });
    clock.time += 10 * MINUTE;
    store.onGet = async () => await sessions.destroy(session);
    expect(await sessions.load(bring(pairOf(setCookie)))).toBeNull();
    store.onGet = undefined;
    expect(await sessions.load(bring(pairOf(setCookie)))).toBeNull();
  });

  test("live on while they are used, which is written once a minute", async () => {
    const { stored: sessions, store, clock } = setUp();
    const start = clock.time;
    const cookie = pairOf((await sessions.create({ name: "ada" })).setCookie);
    store.writes = 0;
    for (let second = 0; second < 59 * 60; second += 1) {
      clock.time = start + second * 1_000;
      if (!(await sessions.load(bring(cookie)))) throw new Error(`gone after ${second} s`);
    }
    expect(store.writes).toBeLessThan(40);
    expect(store.writes).toBeGreaterThan(25);
    clock.time = start + 60 * MINUTE;
    expect(await sessions.load(bring(cookie))).toBeNull();
  });

  test("say when they must be loaded again to go on", async () => {
    const { stored: sessions, clock } = setUp();
    const { session } = await sessions.create({ name: "ada" });
    expect(session.refreshAt).toBe(clock.time + 15 * MINUTE);
    expect(session.expiresAt).toBe(clock.time + 30 * MINUTE);
  });

  test("do not give away what opens them", async () => {
    const { stored: sessions } = setUp();
    const { session, setCookie } = await sessions.create({ name: "ada" });
    const id = /=([^.;]+)\./.exec(setCookie)?.[1] ?? "";
    expect(id).toHaveLength(32);
    expect(JSON.stringify(session)).not.toContain(id);
    expect(session.key).toMatch(/^[\w-]{43}$/);
    const copy: Session<Data> = { ...session };
    await expect(sessions.save(copy, { name: "a" })).rejects.toThrow("a copy");
  });
});

test("cookie sessions hold what a cookie has room for", async () => {
  const { cookies: sessions } = setUp();
  const { setCookie } = await sessions.create({ name: "x".repeat(2_600) });
  expect(setCookie.length).toBeLessThanOrEqual(4_096);
  expect((await sessions.load(bring(pairOf(setCookie))))?.data.name).toHaveLength(2_600);
  await expect(sessions.create({ name: "x".repeat(2_900) })).rejects.toThrow("keep it in a store");
});

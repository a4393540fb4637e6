import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";

import type { SessionStore } from "../../identity/index.ts";

/** Makes the store under test, empty. */
export type MakeSessionStore = () => SessionStore | Promise<SessionStore>;

/** One sentence of the contract, and how to see that it holds. */
export interface SessionStoreCase {
  readonly name: string;
  readonly run: (make: MakeSessionStore) => Promise<void>;
}

/**
 * The contract of {@link SessionStore}, case by case, free of any test runner.
 *
 * @example
 * for (const { name, run } of sessionStoreCases) test(name, () => run(() => new MyStore()));
 */
export const sessionStoreCases: readonly SessionStoreCase[] = [
  {
    name: "returns what was set last, and nothing for other keys",
    async run(make) {
      await using store = await make();
      assert.equal(await store.get(KEY), null);
      await store.set(KEY, { value: "first", expiresAt: soon() });
      await store.set(KEY, { value: "second", expiresAt: later() });
      await assertStored(store, { value: "second", expiresAt: later() });
      assert.equal(await store.get(OTHER), null);
    },
  },
  {
    name: "keeps texts as they are",
    async run(make) {
      await using store = await make();
      const value = JSON.stringify({ text: "é 🙂 \0 \u2028 '\"".repeat(2_000) });
      await store.set(KEY, { value, expiresAt: later() });
      assert.equal((await store.get(KEY))?.value, value);
    },
  },
  {
    name: "forgets a session when its time is over",
    async run(make) {
      await using store = await make();
      await store.set(KEY, { value: "v", expiresAt: Date.now() + 100 });
      await store.set(OTHER, { value: "v", expiresAt: later() });
      await eventually(async () => (await store.get(KEY)) === null);
      assert.equal(await store.update(KEY, { expiresAt: later() }), false);
      assert.equal(await store.get(KEY), null);
      assert.equal(await store.delete(KEY), false);
      assert.equal((await store.get(OTHER))?.value, "v");
    },
  },
  {
    name: "updates the value, the end, or both, and leaves the rest",
    async run(make) {
      await using store = await make();
      await store.set(KEY, { value: "v", expiresAt: soon() });
      assert.equal(await store.update(KEY, { value: "w" }), true);
      await assertStored(store, { value: "w", expiresAt: soon() });
      assert.equal(await store.update(KEY, { expiresAt: later() }), true);
      await assertStored(store, { value: "w", expiresAt: later() });
      assert.equal(await store.update(KEY, { value: "x", expiresAt: soon() }), true);
      await assertStored(store, { value: "x", expiresAt: soon() });
      assert.equal(await store.update(KEY, {}), true);
      await assertStored(store, { value: "x", expiresAt: soon() });
    },
  },
  {
    name: "keeps a session whose end was postponed",
    async run(make) {
      await using store = await make();
      const first = Date.now() + 100;
      await store.set(KEY, { value: "v", expiresAt: first });
      assert.equal(await store.update(KEY, { expiresAt: later() }), true);
      await eventually(() => Date.now() > first + 20);
      assert.equal((await store.get(KEY))?.value, "v");
    },
  },
  {
    name: "never brings back what was deleted",
    async run(make) {
      await using store = await make();
      await store.set(KEY, { value: "v", expiresAt: later() });
      assert.equal(await store.delete(KEY), true);
      assert.equal(await store.delete(KEY), false);
      for (const change of [{}, { value: "w" }, { expiresAt: later() }, LATE]) {
        assert.equal(await store.update(KEY, change), false);
        assert.equal(await store.get(KEY), null);
      }
      await store.set(KEY, { value: "v", expiresAt: later() });
      await Promise.all([store.update(KEY, LATE), store.delete(KEY), store.update(KEY, LATE)]);
      assert.equal(await store.get(KEY), null);
    },
  },
  {
    name: "lets one of several deletes have deleted it",
    async run(make) {
      await using store = await make();
      await store.set(KEY, { value: "v", expiresAt: later() });
      await store.set(OTHER, { value: "v", expiresAt: later() });
      const deleted = await Promise.all(Array.from({ length: 8 }, () => store.delete(KEY)));
      assert.equal(deleted.filter(Boolean).length, 1);
      assert.equal((await store.get(OTHER))?.value, "v");
    },
  },
];

const KEY = "k".repeat(43);
const OTHER = "-_0aZ".repeat(9).slice(0, 43);
const START = Date.now();
const LATE = { value: "late", expiresAt: START + 3_600_000 };

function soon(): number {
  return START + 60_000;
}

function later(): number {
  return START + 3_600_000;
}

async function assertStored(
  store: SessionStore,
  expected: { readonly value: string; readonly expiresAt: number },
): Promise<void> {
  const stored = await store.get(KEY);
  assert.equal(stored?.value, expected.value);
  const difference = Math.abs((stored?.expiresAt ?? 0) - expected.expiresAt);
  assert.ok(difference < 1_000, `expected the end not to be ${difference} ms off`);
}

/** Waits for what time brings; at most five seconds. */
async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  const limit = Date.now() + 5_000;
  while (!(await condition())) {
    assert.ok(Date.now() < limit, "expected it within 5 s");
    await setTimeout(5);
  }
}

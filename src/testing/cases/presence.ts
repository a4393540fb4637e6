import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";

import { MAX_LISTED, type Departure, type PresenceStore } from "../../presence/index.ts";

/** What a case needs: processes that share one empty store, and a way to let their leases end. */
export interface PresencePlace {
  /** Opens the store as one more process. */
  open(): PresenceStore;
  /** Whether processes share it: leases of a store in memory never end. */
  readonly isShared: boolean;
}

/** One sentence of the contract, and how to see that it holds. */
export interface PresenceCase {
  readonly name: string;
  readonly run: (place: PresencePlace) => Promise<void>;
}

const LEASE_MS = 60_000;
const ada = { group: "room", key: "id:ada", session: "tab 1" };

/**
 * The contract of {@link PresenceStore}, case by case, free of any test runner.
 *
 * @example
 * for (const { name, run } of presenceCases) test(name, () => run({ open, isShared: true }));
 */
export const presenceCases: readonly PresenceCase[] = [
  {
    name: "knows who is in a group, since when, and what they said last",
    async run({ open }) {
      await using store = open();
      const { member, kind, count } = await store.enter(ada, { mood: "glad" }, LEASE_MS);
      assert.deepEqual([kind, count], ["joined", 1]);
      assert.ok(member.since > 0);
      const again = await store.enter(ada, ["ü", null, 1.5], LEASE_MS);
      assert.deepEqual([again.kind, again.count], ["updated", 1]);
      assert.equal((await store.enter(ada, ["ü", null, 1.5], LEASE_MS)).kind, null);
      assert.deepEqual(await store.read("room"), {
        count: 1,
        members: [{ key: "id:ada", data: ["ü", null, 1.5], since: member.since }],
      });
      assert.deepEqual(await store.read("other"), { count: 0, members: [] });
    },
  },
  {
    name: "takes several sessions for one member, who leaves with the last of them",
    async run({ open }) {
      await using store = open();
      await store.enter(ada, 1, LEASE_MS);
      assert.equal((await store.enter({ ...ada, session: "tab 2" }, 1, LEASE_MS)).kind, null);
      const { kind } = await store.enter({ ...ada, session: "tab 2" }, 2, LEASE_MS);
      assert.equal(kind, "updated");
      await store.leave(ada, 0);
      assert.deepEqual(await store.sweep(0), []);
      await store.leave(ada, 0);
      assert.deepEqual(await store.sweep(0), []);
      await store.leave({ ...ada, session: "tab 2" }, 0);
      const [departure, ...others] = await sweepUntil(store, 1);
      assert.equal(departure?.group, "room");
      assert.equal(departure?.member.key, "id:ada");
      assert.equal(departure?.member.data, 2);
      assert.equal(departure?.count, 0);
      assert.deepEqual(others, []);
      assert.deepEqual(await store.read("room"), { count: 0, members: [] });
    },
  },
  {
    name: "does not notice who is back within the grace",
    async run({ open }) {
      await using store = open();
      const { member } = await store.enter(ada, null, LEASE_MS);
      await store.leave(ada, 50);
      assert.equal((await store.read("room")).count, 1);
      const back = await store.enter({ ...ada, session: "tab 2" }, null, LEASE_MS);
      assert.equal(back.kind, null);
      assert.equal(back.member.since, member.since);
      await setTimeout(60);
      assert.deepEqual(await store.sweep(0), []);
      assert.equal((await store.read("room")).count, 1);
    },
  },
  {
    name: "keeps groups and their members apart, whatever they are called",
    async run({ open }) {
      await using store = open();
      const odd = ['"', "[", "id:ü😀", "a\u0000b", "__proto__"];
      for (const key of odd) await store.enter({ group: "room", key, session: key }, key, LEASE_MS);
      await store.enter({ group: "room.2", key: "x", session: "s" }, null, LEASE_MS);
      const { members, count } = await store.read("room");
      assert.equal(count, odd.length);
      assert.deepEqual(members?.map(({ key }) => key).toSorted(), odd.toSorted());
      assert.deepEqual(members?.map(({ data }) => String(data)).toSorted(), odd.toSorted());
      for (const key of odd) await store.leave({ group: "room", key, session: key }, 0);
      assert.equal((await sweepUntil(store, odd.length)).length, odd.length);
      assert.equal((await store.read("room.2")).count, 1);
    },
  },
  {
    name: "only counts the members of a large group",
    async run({ open }) {
      await using store = open();
      const enter = (index: number) =>
        store.enter({ group: "room", key: `id:${index}`, session: "s" }, null, LEASE_MS);
      await Promise.all(Array.from({ length: MAX_LISTED }, (_, index) => enter(index)));
      assert.equal((await store.read("room")).members?.length, MAX_LISTED);
      assert.equal((await enter(MAX_LISTED)).count, MAX_LISTED + 1);
      assert.deepEqual(await store.read("room"), { count: MAX_LISTED + 1, members: null });
    },
  },
  {
    name: "tells each departure once, to whichever process asks",
    async run({ open, isShared }) {
      await using store = open();
      await using other = isShared ? open() : store;
      for (let index = 0; index < 20; index++) {
        const session = { group: "room", key: `id:${index}`, session: "s" };
        await store.enter(session, null, LEASE_MS);
        await store.leave(session, 0);
      }
      await setTimeout(5);
      const swept = await Promise.all([store, other, store, other].map((each) => each.sweep(0)));
      const keys = swept.flat().map(({ member }) => member.key);
      assert.equal(keys.length, 20);
      assert.equal(new Set(keys).size, 20);
    },
  },
  {
    name: "lets those go whose process has died, unless they are elsewhere, too",
    async run({ open, isShared }) {
      if (!isShared) return;
      await using dying = open();
      await using living = open();
      await dying.enter(ada, null, 30);
      await dying.enter({ ...ada, key: "id:bob" }, null, 30);
      await living.enter({ ...ada, session: "elsewhere" }, null, LEASE_MS);
      const departures = await sweepUntil(living, 1);
      assert.deepEqual(
        departures.map(({ member, count }) => [member.key, count]),
        [["id:bob", 1]],
      );
      assert.deepEqual(
        (await living.read("room")).members?.map(({ key }) => key),
        ["id:ada"],
      );
    },
  },
  {
    name: "says when a lease had ended, and takes it again",
    async run({ open, isShared }) {
      await using store = open();
      await store.enter(ada, null, 20);
      assert.equal(await store.renew(LEASE_MS), true);
      await store.enter(ada, null, 20);
      await setTimeout(30);
      assert.equal(await store.renew(LEASE_MS), !isShared);
      assert.equal(await store.renew(LEASE_MS), true);
    },
  },
  {
    name: "refuses every call after it has been closed",
    async run({ open }) {
      const store = open();
      await store.close();
      await store.close();
      const calls = [
        () => store.enter(ada, null, LEASE_MS),
        () => store.leave(ada, 0),
        () => store.renew(LEASE_MS),
        () => store.sweep(0),
        () => store.read("room"),
      ];
      for (const call of calls) await assert.rejects(call(), { code: "PRESENCE_CLOSED" });
    },
  },
];

/** Sweeps until so many have left; a store has a clock of its own, and takes its time for large work. */
async function sweepUntil(store: PresenceStore, count: number): Promise<readonly Departure[]> {
  const departures: Departure[] = [];
  const limit = Date.now() + 5_000;
  while (departures.length < count && Date.now() < limit) {
    departures.push(...(await store.sweep(0)));
    await setTimeout(2);
  }
  return departures;
}

import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";

import type { Entrant, HeldSlot, Limit, LimitStore, WaitingTask } from "../../tasks/index.ts";

/** What a limit store under test is made with: a clock that the case moves. */
export interface LimitsCaseOptions {
  /** The time in milliseconds. */
  readonly now: () => number;
}

/** Makes the limit store under test, empty. */
export type MakeLimits = (options: LimitsCaseOptions) => LimitStore | Promise<LimitStore>;

/** One sentence of the contract, and how to see that it holds. */
export interface LimitsCase {
  readonly name: string;
  readonly run: (make: MakeLimits) => Promise<void>;
}

/**
 * The contract of {@link LimitStore}, case by case, free of any test runner.
 *
 * @example
 * for (const { name, run } of limitsCases) test(name, () => run((options) => new MyLimits(options)));
 */
export const limitsCases: readonly LimitsCase[] = [
  {
    name: "lets in as many as there are slots, and others when one is free",
    async run(make) {
      const limits = await make(makeClock());
      const limit = slots(2);
      assert.equal(await ask(limits, entrant("a", limit)), null);
      assert.equal(await ask(limits, entrant("b", limit)), null);
      assert.ok(Number(await ask(limits, entrant("c", limit))) > 0);
      assert.equal(await ask(limits, entrant("c", slots(1, "other"))), null);
      assert.deepEqual(await limits.release([slot("a")]), [waiting("c")]);
      assert.equal(await ask(limits, entrant("c", limit)), null);
      assert.ok(Number(await ask(limits, entrant("d", limit))) > 0);
    },
  },
  {
    name: "frees a slot by its own clock when it is not renewed",
    async run(make) {
      const clock = makeClock();
      const limits = await make(clock);
      await ask(limits, entrant("a", slots(1)));
      clock.move(9_000);
      assert.deepEqual(await limits.renew([slot("a")], 10_000), []);
      clock.move(9_000);
      assert.ok(Number(await ask(limits, entrant("b", slots(1)))) > 0);
      assert.deepEqual(await limits.reclaim(), []);
      clock.move(1_000);
      assert.deepEqual(await limits.reclaim(), [waiting("b")]);
      assert.equal(await ask(limits, entrant("b", slots(1))), null);
      assert.deepEqual(await limits.renew([slot("a"), slot("b")], 10_000), [slot("a")]);
    },
  },
  {
    name: "never gives a slot back that its holder let run out",
    async run(make) {
      const clock = makeClock();
      const limits = await make(clock);
      await ask(limits, entrant("a", slots(1)));
      clock.move(10_000);
      assert.deepEqual(await limits.renew([slot("a")], 10_000), [slot("a")]);
    },
  },
  {
    name: "wants a slot for each run, those of one task too",
    async run(make) {
      const limits = await make(makeClock());
      await ask(limits, entrant("a", slots(2)));
      const again = { ...entrant("a", slots(2)), holder: "second" };
      assert.equal(await ask(limits, again), null);
      assert.ok(Number(await ask(limits, { ...again, holder: "third" })) > 0);
      const second = { ...slot("a"), holder: "second" };
      assert.deepEqual(await limits.release([second]), [waiting("a")]);
      assert.deepEqual(await limits.renew([slot("a"), second], 10_000), [second]);
    },
  },
  {
    name: "keeps the place of who waits, and says who may come in meanwhile",
    async run(make) {
      const clock = makeClock();
      const limits = await make(clock);
      await ask(limits, entrant("a", slots(1)));
      await ask(limits, entrant("b", slots(1)));
      assert.deepEqual(await limits.wait(waiting("b"), "key"), []);
      await limits.release([slot("a")]);
      assert.deepEqual(await limits.wait(waiting("b"), "key"), [waiting("b")]);
      clock.move(100);
      // It passes over the other, which is just being put back.
      assert.equal(await ask(limits, entrant("c", slots(1))), null);
      assert.deepEqual(await limits.wait(waiting("b"), "key"), []);
      assert.deepEqual(await limits.release([slot("c")]), [waiting("b")]);
    },
  },
  {
    name: "keeps the order of those who wait for a slot, but passes over who does not come",
    async run(make) {
      const clock = makeClock();
      const limits = await make(clock);
      for (const id of ["a", "b", "c"]) await ask(limits, entrant(id, slots(1)));
      await limits.release([slot("a")]);
      assert.ok(Number(await ask(limits, entrant("new", slots(1)))) > 0);
      assert.ok(Number(await ask(limits, entrant("c", slots(1)))) > 0);
      clock.move(100);
      assert.equal(await ask(limits, entrant("c", slots(1))), null);
      assert.deepEqual(await limits.release([slot("c")]), [waiting("new")]);
    },
  },
  {
    name: "calls those after who was called and does not come",
    async run(make) {
      const clock = makeClock();
      const limits = await make(clock);
      const names = range(14).map((n) => `task-${n}`);
      for (const id of names) await ask(limits, entrant(id, slots(1)));
      const called = async (): Promise<readonly string[]> =>
        (await limits.reclaim()).map(({ id }) => id);
      await limits.release([slot("task-0")]);
      clock.move(999);
      assert.deepEqual(await called(), []);
      clock.move(1);
      assert.deepEqual(await called(), names.slice(2, 13));
      clock.move(1_000);
      assert.deepEqual(await called(), names.slice(13));
      assert.equal(await ask(limits, entrant("task-13", slots(1))), null);
      clock.move(1_000);
      assert.deepEqual(await called(), []);
    },
  },
  {
    name: "admits no more than a rate allows, in the order in which they asked",
    async run(make) {
      const clock = makeClock();
      const limits = await make(clock);
      const limit = rate(10, 1_000);
      const names = range(20).map((n) => `task-${n}`);
      const admitted = await runThrough(limits, { clock, limit, names });
      assert.deepEqual(
        admitted.map(({ id }) => id),
        names,
      );
      assertRate(admitted, { count: 10, perMs: 1_000, slack: 50 });
      assert.ok(clock.now() - 1_000_000 <= 2_000, `took until ${clock.now() - 1_000_000} ms`);
    },
  },
  {
    name: "does not make up for a pause, and keeps the order after it",
    async run(make) {
      const clock = makeClock();
      const limits = await make(clock);
      const limit = rate(100, 60_000);
      const names = range(6).map((n) => `task-${n}`);
      for (const id of names) await ask(limits, entrant(id, limit));
      clock.move(60_000);
      const admitted = await runThrough(limits, { clock, limit, names: names.slice(1) });
      assert.deepEqual(
        admitted.map(({ id }) => id),
        names.slice(1),
      );
      assertRate(admitted, { count: 100, perMs: 60_000, slack: 100 });
    },
  },
  {
    name: "goes by the rate that it is asked for",
    async run(make) {
      const clock = makeClock();
      const limits = await make(clock);
      for (const id of ["a", "b"]) await ask(limits, entrant(id, rate(1, 3_600_000)));
      assert.equal(await ask(limits, entrant("b", rate(1, 1_000))), 1_000);
      clock.move(1_000);
      assert.equal(await ask(limits, entrant("b", rate(1, 1_000))), null);
    },
  },
  {
    name: "keeps a turn of a rate for who is next, and passes over who does not come",
    async run(make) {
      const clock = makeClock();
      const limits = await make(clock);
      const limit = rate(1, 1_000);
      for (const id of ["a", "b", "c"]) await ask(limits, entrant(id, limit));
      // A turn comes a little early after a quiet time, by the slack of its rate.
      clock.move(900);
      assert.ok(Number(await ask(limits, entrant("new", limit))) > 0);
      assert.ok(Number(await ask(limits, entrant("c", limit))) > 0);
      clock.move(100);
      assert.equal(await ask(limits, entrant("c", limit)), null);
    },
  },
  {
    name: "asks those who wait long to look again, twenty of them each second",
    async run(make) {
      const clock = makeClock();
      const limits = await make(clock);
      const limit = rate(1, 60_000);
      const waits: number[] = [];
      for (const n of range(101)) waits.push(Number(await ask(limits, entrant(`t-${n}`, limit))));
      assert.deepEqual(waits.slice(1, 4), [10_000, 10_050, 10_100]);
      assert.equal(waits.at(-1), 14_950);
      const slotWaits: number[] = [];
      for (const n of range(3)) {
        slotWaits.push(Number(await ask(limits, entrant(`s-${n}`, slots(1, "slow")))));
      }
      assert.deepEqual(slotWaits, [0, 15_000, 15_050]);
    },
  },
  {
    name: "lets a run past all of its limits, or past none",
    async run(make) {
      const limits = await make(makeClock());
      const both = [slots(1, "room"), rate(1, 1_000, "pace")];
      assert.equal(await ask(limits, entrant("a", ...both)), null);
      assert.ok(Number(await ask(limits, entrant("b", slots(1, "empty"), ...both))) > 0);
      assert.equal(await ask(limits, entrant("c", slots(1, "empty"))), null);
      await limits.release([slot("a", "room")]);
      const refused = entrant("d", slots(1, "room"), rate(1, 1_000, "pace"));
      assert.ok(Number(await ask(limits, refused)) > 0);
      await limits.release([slot("d", "room")]);
      assert.deepEqual(await limits.renew([slot("d", "room")], 1_000), [slot("d", "room")]);
    },
  },
  {
    name: "gives a key to one task until it gives it back",
    async run(make) {
      const limits = await make(makeClock());
      const claim = { key: "k", id: "a", ttlMs: 60_000, firm: false };
      assert.equal(await limits.holder("k"), null);
      assert.deepEqual(await limits.claim(claim), { id: "a", firm: false });
      assert.deepEqual(await limits.claim({ ...claim, id: "b" }), { id: "a", firm: false });
      await limits.keep({ ...claim, id: "b", firm: true });
      assert.deepEqual(await limits.holder("k"), { id: "a", firm: false });
      await limits.keep({ ...claim, firm: true });
      assert.deepEqual(await limits.holder("k"), { id: "a", firm: true });
      await limits.unclaim("k", "b");
      assert.deepEqual(await limits.holder("k"), { id: "a", firm: true });
      await limits.unclaim("k", "a");
      await limits.keep(claim);
      assert.equal(await limits.holder("k"), null, "what was given back is not kept");
      assert.deepEqual(await limits.claim({ ...claim, id: "b" }), { id: "b", firm: false });
    },
  },
  {
    name: "gives a key to one of those who ask at the same time",
    async run(make) {
      const limits = await make(makeClock());
      const names = range(5).map((n) => `task-${n}`);
      const claims = names.map((id) => limits.claim({ key: "k", id, ttlMs: 60_000, firm: false }));
      const holders = new Set((await Promise.all(claims)).map(({ id }) => id));
      assert.equal(holders.size, 1);
      const admissions = names.map((id) => ask(limits, entrant(id, slots(2))));
      assert.equal((await Promise.all(admissions)).filter((wait) => wait === null).length, 2);
    },
  },
  {
    name: "gives a key to who replaces its task, and says which one that was",
    async run(make) {
      const limits = await make(makeClock());
      const claim = { key: "k", id: "a", ttlMs: 60_000, firm: true };
      assert.equal(await limits.replace(claim), null);
      assert.equal(await limits.replace({ ...claim, id: "b" }), "a");
      assert.deepEqual(await limits.holder("k"), { id: "b", firm: true });
    },
  },
  {
    name: "ends a claim with its time",
    async run(make) {
      const clock = makeClock();
      const limits = await make(clock);
      await limits.claim({ key: "k", id: "a", ttlMs: 30, firm: true });
      await limits.claim({ key: "long", id: "a", ttlMs: 60_000, firm: true });
      clock.move(30);
      // A store may know but its own clock.
      for (let tries = 0; tries < 200 && (await limits.holder("k")); tries++) await delay(10);
      assert.equal(await limits.holder("k"), null);
      assert.deepEqual(await limits.claim({ key: "k", id: "b", ttlMs: 30, firm: true }), {
        id: "b",
        firm: true,
      });
      assert.deepEqual(await limits.holder("long"), { id: "a", firm: true });
    },
  },
];

interface Clock {
  readonly now: () => number;
  readonly move: (ms: number) => void;
}

function makeClock(): Clock {
  let time = 1_000_000;
  return { now: () => time, move: (ms) => (time += ms) };
}

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index);
}

function slots(count: number, key = "key"): Limit {
  return { kind: "slots", key, slots: count };
}

function rate(count: number, perMs: number, key = "key"): Limit {
  return { kind: "rate", key, count, perMs };
}

function entrant(id: string, ...limits: readonly Limit[]): Entrant {
  return { id, queue: "celery", holder: `${id}-run`, limits, leaseMs: 10_000, lookMs: 10_000 };
}

function slot(id: string, key = "key"): HeldSlot {
  return { key, holder: `${id}-run` };
}

/** Returns after how many milliseconds to ask again, or `null`. */
async function ask(limits: LimitStore, one: Entrant): Promise<number | null> {
  return (await limits.admit(one))?.waitMs ?? null;
}

function waiting(id: string): WaitingTask {
  return { id, queue: "celery" };
}

interface Admitted {
  readonly id: string;
  readonly at: number;
}

interface RunThrough {
  readonly clock: Clock;
  readonly limit: Limit;
  readonly names: readonly string[];
}

/** Asks for each task, and again when it has been told to, until all are admitted. */
async function runThrough(
  limits: LimitStore,
  { clock, limit, names }: RunThrough,
): Promise<readonly Admitted[]> {
  const due = new Map(names.map((id) => [id, clock.now()]));
  const admitted: Admitted[] = [];
  while (due.size > 0) {
    const [id, at] = [...due].reduce((first, next) => (next[1] < first[1] ? next : first));
    clock.move(Math.max(at - clock.now(), 0));
    const waitMs = await ask(limits, entrant(id, limit));
    if (waitMs !== null) {
      due.set(id, clock.now() + waitMs);
      continue;
    }
    admitted.push({ id, at: clock.now() });
    due.delete(id);
  }
  return admitted;
}

interface ExpectedRate {
  readonly count: number;
  readonly perMs: number;
  readonly slack: number;
}

/** Checks every stretch of time between two admissions. */
function assertRate(admitted: readonly Admitted[], { count, perMs, slack }: ExpectedRate): void {
  for (const [first, { at: from }] of admitted.entries()) {
    for (const [index, { at: to }] of admitted.slice(first).entries()) {
      const allowed = Math.floor(((to - from + slack) * count) / perMs) + 1;
      assert.ok(index + 1 <= allowed, `${index + 1} runs in ${to - from} ms`);
    }
  }
}

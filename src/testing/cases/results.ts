import assert from "node:assert/strict";

import { Decimal, pendingRecord, type ResultStore, type TaskRecord } from "../../tasks/index.ts";

/** Makes the result store under test, empty. */
export type MakeResults = () => ResultStore | Promise<ResultStore>;

/** One sentence of the contract, and how to see that it holds. */
export interface ResultsCase {
  readonly name: string;
  readonly run: (make: MakeResults) => Promise<void>;
}

/**
 * The contract of {@link ResultStore}, case by case, free of any test runner.
 *
 * @example
 * for (const { name, run } of resultsCases) test(name, () => run(() => new MyResults()));
 */
export const resultsCases: readonly ResultsCase[] = [
  {
    name: "knows nothing of an id that was never stored",
    async run(make) {
      await using results = await make();
      assert.equal(await results.get("unknown"), null);
    },
  },
  {
    name: "returns what was stored last, with a revision that grows",
    async run(make) {
      await using results = await make();
      const first = record({ logs: [{ at: 1, text: "é 🙂" }], progress: { done: 1, total: 2 } });
      assert.equal(await results.store(first), true);
      assert.deepEqual(await results.get("one"), { ...first, revision: 1 });
      const result = { list: [1, null, "text", { deep: true }] };
      const second = record({ state: "SUCCESS", finishedAt: 5, result });
      assert.equal(await results.store(second), true);
      assert.deepEqual(await results.get("one"), { ...second, revision: 2 });
    },
  },
  {
    name: "keeps what JSON cannot carry, but a message can",
    async run(make) {
      await using results = await make();
      const result = {
        integer: 2n ** 80n,
        numbers: [Number.NaN, Infinity],
        date: new Date(5),
        bytes: new Uint8Array([255, 0]),
        decimal: new Decimal("0.10"),
      };
      await results.store(record({ state: "SUCCESS", finishedAt: 5, result }));
      assert.deepEqual((await results.get("one"))?.result, result);
    },
  },
  {
    name: "keeps records isolated from what callers change afterwards",
    async run(make) {
      await using results = await make();
      const result = { list: [1] };
      const stored = results.store(record({ result }));
      result.list.push(2);
      await stored;
      const read = await results.get("one");
      assert.deepEqual(read?.result, { list: [1] });
      result.list.push(3);
      assert.deepEqual((await results.get("one"))?.result, { list: [1] });
    },
  },
  {
    name: "forgets a record, a final one too, and stores a new one in its place",
    async run(make) {
      await using results = await make();
      await results.forget("one");
      const left = results.onChange(() => undefined, "one");
      assert.equal(await results.store(record({ state: "SUCCESS", finishedAt: 5 })), true);
      assert.equal((await results.get("one"))?.state, "SUCCESS");
      await results.forget("one");
      assert.equal(await results.get("one"), null);
      assert.equal(await results.store(record({ state: "STARTED" })), true);
      assert.equal((await results.get("one"))?.state, "STARTED");
      left();
    },
  },
  {
    name: "never changes a final record",
    async run(make) {
      for (const state of ["SUCCESS", "FAILURE", "REVOKED"] as const) {
        await using results = await make();
        await results.store(record({ id: state, state, finishedAt: 5 }));
        const late = record({
          id: state,
          state: "SUCCESS",
          finishedAt: 6,
          runs: 9,
          result: "late",
        });
        assert.equal(await results.store(late), false);
        const kept = await results.get(state);
        assert.deepEqual([kept?.state, kept?.finishedAt, kept?.revision], [state, 5, 1]);
      }
    },
  },
  {
    name: "refuses a record of an earlier run",
    async run(make) {
      await using results = await make();
      await results.store(record({ runs: 2 }));
      assert.equal(
        await results.store(record({ runs: 1, state: "SUCCESS", finishedAt: 5 })),
        false,
      );
      assert.equal((await results.get("one"))?.state, "STARTED");
      assert.equal(await results.store(record({ runs: 2, state: "RETRY" })), true);
      assert.equal(await results.store(record({ runs: 3 })), true);
    },
  },
  {
    name: "wakes its listeners when it is closed, and refuses what comes afterwards",
    async run(make) {
      const results = await make();
      let heard = 0;
      results.onChange(() => heard++);
      await results.store(record());
      const before = heard;
      await results.close();
      assert.ok(heard > before, "expected listeners to be woken");
      const refused = { code: "STORAGE_UNAVAILABLE" };
      await assert.rejects(async () => results.get("one"), refused);
      await assert.rejects(async () => results.store(record()), refused);
      await assert.rejects(async () => results.expire(20), refused);
      await results.close();
    },
  },
  {
    name: "tells listeners which records changed, until they leave",
    async run(make) {
      await using results = await make();
      const heard: unknown[] = [];
      const leave = results.onChange((changed) => heard.push(...(changed ?? [])));
      await results.store(record({ runs: 2 }));
      assert.ok(heard.includes("one"));
      const before = heard.length;
      await results.store(record({ runs: 1 }));
      assert.equal(heard.length, before, "a refused record is no change");
      leave();
      await results.store(record({ runs: 3 }));
      assert.equal(heard.length, before);
    },
  },
];

/** What holds of stores that remove expired records when they are told to, not by themselves. */
export const resultsRemovalCases: readonly ResultsCase[] = [
  {
    name: "removes final records that ended before a time, and nothing else",
    async run(make) {
      await using results = await make();
      await results.store(record({ id: "old", state: "SUCCESS", finishedAt: 10 }));
      await results.store(record({ id: "new", state: "SUCCESS", finishedAt: 20 }));
      await results.store(record({ id: "runs", startedAt: 1 }));
      assert.equal(await results.expire(20), 1);
      assert.equal(await results.get("old"), null);
      assert.equal((await results.get("new"))?.id, "new");
      assert.equal((await results.get("runs"))?.id, "runs");
    },
  },
  {
    name: "removes no more than a thousand records at a time, and says how many",
    async run(make) {
      await using results = await make();
      const old = Array.from({ length: 1_001 }, (_, index) =>
        record({ id: `old-${index}`, state: "SUCCESS", finishedAt: 10 }),
      );
      await Promise.all(old.map((ended) => results.store(ended)));
      assert.equal(await results.expire(20), 1_000);
      assert.equal(await results.expire(20), 1);
      assert.equal(await results.expire(20), 0);
    },
  },
];

/** What holds of stores that look at the age of a record: `make` is told how old it may be. */
export const resultsAgeCases: readonly {
  readonly name: string;
  readonly run: (make: (expiresMs: number) => ResultStore) => Promise<void>;
}[] = [
  {
    name: "does not give a final record that has expired, and takes another one of its id",
    async run(make) {
      await using results = make(60_000);
      const old = Date.now() - 61_000;
      await results.store(record({ id: "old", state: "SUCCESS", finishedAt: old, runs: 2 }));
      await results.store(record({ id: "new", state: "SUCCESS", finishedAt: old + 10_000 }));
      await results.store(record({ id: "runs", startedAt: old }));
      assert.equal(await results.get("old"), null);
      assert.equal((await results.get("new"))?.id, "new");
      assert.equal((await results.get("runs"))?.id, "runs");
      assert.equal(await results.store(record({ id: "new" })), false);
      assert.equal(await results.store(record({ id: "old" })), true);
      assert.equal((await results.get("old"))?.state, "STARTED");
    },
  },
];

function record(part: Partial<TaskRecord> = {}): TaskRecord {
  const started = { name: "t", state: "STARTED", queue: "celery", runs: 1 } as const;
  return { ...pendingRecord("one"), ...started, ...part };
}

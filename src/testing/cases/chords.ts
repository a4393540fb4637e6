import assert from "node:assert/strict";

import type { ChordPart, ChordStore, ResultStore } from "../../tasks/index.ts";

/** Makes the result store under test, empty. */
export type MakeChords = () => ResultStore | Promise<ResultStore>;

/** One sentence of the contract, and how to see that it holds. */
export interface ChordsCase {
  readonly name: string;
  readonly run: (make: MakeChords) => Promise<void>;
}

/**
 * The contract of {@link ChordStore}, case by case, free of any test runner.
 *
 * @example
 * for (const { name, run } of chordsCases) test(name, () => run(() => new MyResults()));
 */
export const chordsCases: readonly ChordsCase[] = [
  {
    name: "returns the parts of a chord in their order when the last one has come",
    async run(make) {
      await using results = await make();
      const chords = chordsOf(results);
      await chords.setSize("g", 3);
      assert.equal(await chords.addPart("g", part("c", { index: 2, result: "third" })), null);
      assert.equal(
        await chords.addPart("g", part("a", { index: 0, result: { é: [1, null] } })),
        null,
      );
      const parts = await chords.addPart("g", part("b", { index: 1, result: 0.5 }));
      assert.deepEqual(
        parts?.map(({ id, result }) => [id, result]),
        [
          ["a", { é: [1, null] }],
          ["b", 0.5],
          ["c", "third"],
        ],
      );
    },
  },
  {
    name: "puts parts without a place last",
    async run(make) {
      await using results = await make();
      const chords = chordsOf(results);
      await chords.setSize("g", 2);
      await chords.addPart("g", part("a", { index: null }));
      const parts = await chords.addPart("g", part("b", { index: 7 }));
      assert.deepEqual(
        parts?.map(({ id }) => id),
        ["b", "a"],
      );
    },
  },
  {
    name: "counts a task once, and keeps what came first",
    async run(make) {
      await using results = await make();
      const chords = chordsOf(results);
      await chords.setSize("g", 2);
      await chords.addPart("g", part("a", { index: 0, result: "first" }));
      assert.equal(await chords.addPart("g", part("a", { index: 0, result: "again" })), null);
      const parts = await chords.addPart("g", part("b", { index: 1 }));
      assert.deepEqual(
        parts?.map(({ result }) => result),
        ["first", null],
      );
    },
  },
  {
    name: "tells one task of the end, and the same one again",
    async run(make) {
      await using results = await make();
      const chords = chordsOf(results);
      await chords.setSize("g", 2);
      await chords.addPart("g", part("a", { index: 0 }));
      assert.equal((await chords.addPart("g", part("b", { index: 1 })))?.length, 2);
      assert.equal(await chords.addPart("g", part("a", { index: 0 })), null);
      assert.equal((await chords.addPart("g", part("b", { index: 1 })))?.length, 2);
    },
  },
  {
    name: "keeps why a part failed",
    async run(make) {
      await using results = await make();
      const chords = chordsOf(results);
      await chords.setSize("g", 1);
      const error = { type: "ValueError", message: "went wrong" };
      const parts = await chords.addPart("g", part("a", { state: "FAILURE", error }));
      assert.deepEqual(
        parts?.map((one) => [one.state, one.error, one.result]),
        [["FAILURE", error, null]],
      );
    },
  },
  {
    name: "waits for the size of a chord, and knows no more of one that is forgotten",
    async run(make) {
      await using results = await make();
      const chords = chordsOf(results);
      assert.equal(await chords.addPart("g", part("a", { index: 0 })), null);
      await chords.setSize("g", 1);
      assert.equal((await chords.addPart("g", part("a", { index: 0 })))?.length, 1);
      await chords.forget("g");
      assert.equal(await chords.addPart("g", part("b", { index: 0 })), null);
    },
  },
  {
    name: "remembers the members of groups, at any depth",
    async run(make) {
      await using results = await make();
      const chords = chordsOf(results);
      const group = { id: "g", members: [{ id: "a" }, { id: "h", members: [{ id: "b" }] }] };
      assert.equal(await chords.loadGroup("g"), null);
      await chords.saveGroup(group);
      assert.deepEqual(await chords.loadGroup("g"), group);
    },
  },
];

function chordsOf({ chords }: ResultStore): ChordStore {
  assert.ok(chords, "expected a store with chords");
  return chords;
}

function part(id: string, fields: Partial<ChordPart> = {}): ChordPart {
  return { id, index: 0, state: "SUCCESS", result: null, error: null, ...fields };
}

import { describe, expect, test } from "vitest";

import { chordsCases } from "../../testing/cases/chords.ts";
import { resultsAgeCases, resultsCases, resultsRemovalCases } from "../../testing/cases/results.ts";
import { MemoryResults } from "./memory.ts";
import { pendingRecord } from "./task-record.ts";

describe("MemoryResults", () => {
  for (const { name, run } of [...resultsCases, ...resultsRemovalCases, ...chordsCases]) {
    test(name, () => expect(run(() => new MemoryResults())).resolves.toBeUndefined());
  }

  for (const { name, run } of resultsAgeCases) {
    test(name, () =>
      expect(run((expiresMs) => new MemoryResults({ expiresMs }))).resolves.toBeUndefined(),
    );
  }

  test("forgets the oldest record beyond its capacity", async () => {
    const results = new MemoryResults({ capacity: 2 });
    for (const id of ["one", "two", "three"]) await results.store(pendingRecord(id));
    expect(await results.get("one")).toBeNull();
    expect(await results.get("three")).not.toBeNull();
  });
});

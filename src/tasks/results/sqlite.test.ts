import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { afterAll, describe, expect, test } from "vitest";

import { chordsCases } from "../../testing/cases/chords.ts";
import { resultsAgeCases, resultsCases, resultsRemovalCases } from "../../testing/cases/results.ts";
import { SqliteBroker } from "../brokers/sqlite.ts";
import { Results } from "./results.ts";
import { SqliteResults } from "./sqlite.ts";
import { pendingRecord } from "./task-record.ts";

const folder = mkdtempSync(join(tmpdir(), "tidings-results-"));
let files = 0;
const newFile = (): string => join(folder, `${files++}.db`);

afterAll(() => rm(folder, { recursive: true }));

describe("SqliteResults", () => {
  for (const { name, run } of [...resultsCases, ...resultsRemovalCases, ...chordsCases]) {
    test(name, () => expect(run(() => new SqliteResults(newFile()))).resolves.toBeUndefined());
  }

  for (const { name, run } of resultsAgeCases) {
    test(name, () =>
      expect(
        run((expiresMs) => new SqliteResults(newFile(), { expiresMs })),
      ).resolves.toBeUndefined(),
    );
  }

  test("keeps records over a restart", async () => {
    const file = newFile();
    {
      await using results = new SqliteResults(file);
      await results.store(pendingRecord("one"));
    }
    await using results = new SqliteResults(file);
    expect(await results.get("one")).toEqual({ ...pendingRecord("one"), revision: 1 });
  });

  test("is closed for who waits while a broker still has the file open", async () => {
    const file = newFile();
    await using broker = new SqliteBroker(file);
    const store = new SqliteResults(file);
    const watched = new Results(store).watch("one");
    await watched.next();
    const next = watched.next();
    const [ended] = await Promise.allSettled([next, store.close()]);
    expect(ended).toMatchObject({ reason: { code: "STORAGE_UNAVAILABLE" } });
    expect(await broker.listCancelled()).toEqual([]);
  });

  test("reports a record that cannot be read as a failure", async () => {
    const file = newFile();
    await using results = new SqliteResults(file);
    await results.store(pendingRecord("one"));
    const other = new DatabaseSync(file);
    other.exec("UPDATE tidings_records SET record = '}{'");
    other.close();
    expect(await results.get("one")).toMatchObject({
      id: "one",
      state: "FAILURE",
      error: { message: "the stored record cannot be read" },
    });
  });
});

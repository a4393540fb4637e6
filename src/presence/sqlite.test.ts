import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, test } from "vitest";

import { presenceCases } from "../testing/index.ts";
import { SqlitePresence } from "./sqlite.ts";

const folder = mkdtempSync(join(tmpdir(), "tidings-presence-"));
let files = 0;

afterAll(() => rm(folder, { recursive: true }));

for (const { name, run } of presenceCases) {
  test(`the presence in SQLite ${name}`, async () => {
    const path = join(folder, `${files++}.db`);
    const place = { open: () => new SqlitePresence(path), isShared: true };
    await expect(run(place)).resolves.toBeUndefined();
  });
}

import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, test } from "vitest";

import { deadLettersCases } from "../../testing/cases/dead-letters.ts";
import { SqliteBroker } from "../brokers/sqlite.ts";

const folder = mkdtempSync(join(tmpdir(), "tidings-letters-"));
let files = 0;

afterAll(() => rm(folder, { recursive: true }));

describe("SqliteDeadLetters", () => {
  for (const { name, run } of deadLettersCases) {
    test(name, () =>
      expect(
        run((options) => new SqliteBroker(join(folder, `${files++}.db`), options)),
      ).resolves.toBeUndefined(),
    );
  }
});

import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, test } from "vitest";

import { limitsCases } from "../../testing/cases/limits.ts";
import { openTaskDatabase } from "../database/task-database.ts";
import { SqliteLimits } from "./sqlite.ts";

const folder = mkdtempSync(join(tmpdir(), "tidings-limits-"));
const database = (() => {
  let files = 0;
  const opened = new Set<ReturnType<typeof openTaskDatabase>>();
  return {
    open() {
      const found = openTaskDatabase(join(folder, `${files++}.db`));
      opened.add(found);
      return found;
    },
    close() {
      for (const one of opened) one.close();
    },
  };
})();

afterAll(async () => {
  database.close();
  await rm(folder, { recursive: true });
});

describe("SqliteLimits", () => {
  for (const { name, run } of limitsCases) {
    test(name, () =>
      expect(run(({ now }) => new SqliteLimits(database.open(), now))).resolves.toBeUndefined(),
    );
  }
});

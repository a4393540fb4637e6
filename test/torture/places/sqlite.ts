import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";

import type { Place } from "./place.ts";

/** Tasks in a file, which another program locks now and then. */
export async function startSqlitePlace(): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), "tidings-torture-"));
  const path = join(folder, "tasks.db");
  const url = `sqlite:${path}`;
  return {
    name: "sqlite",
    broker: url,
    results: url,
    directBroker: url,
    directResults: url,
    leaseEndsWithConnection: false,
    leavesCopies: false,
    faults: [
      {
        name: "database locked",
        async run(random) {
          const database = new DatabaseSync(path, { timeout: 30_000 });
          database.exec("BEGIN IMMEDIATE");
          await delay(random.between(200, 3_000));
          database.exec("COMMIT");
          database.close();
        },
      },
    ],
    async [Symbol.asyncDispose]() {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

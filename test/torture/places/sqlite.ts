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
          const database = new DatabaseSync(path, { timeout: 0 });
          await lock(database);
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

/**
 * Waits for its turn without SQLite's own wait, which would hold up this process: who has the lock may be
 * suspended, and it is this process that lets it go on.
 */
async function lock(database: DatabaseSync): Promise<void> {
  const limit = Date.now() + LOCK_MS;
  for (;;) {
    try {
      database.exec("BEGIN IMMEDIATE");
      return;
    } catch (error) {
      if (Date.now() > limit) throw error;
      await delay(3);
    }
  }
}

/** Longer than a worker is suspended. */
const LOCK_MS = 30_000;

import { DatabaseSync } from "node:sqlite";

import { toStorageError } from "../../sqlite/index.ts";
import {
  CLAIM_MS,
  REFUSED_MS,
  type ClaimedEntry,
  type Delivered,
  type OutboxBacklog,
  type OutboxEntry,
  type OutboxStore,
} from "./outbox-store.ts";

/** How often commits are looked for: one number is read, 20 times a second. */
const POLL_MS = 50;
/** How long a lock is waited for. It blocks the process meanwhile, so not for long. */
const LOCK_WAIT_MS = 20;

const SCHEMA = `CREATE TABLE IF NOT EXISTS tidings_outbox (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL,
  call TEXT NOT NULL,
  written_at INTEGER NOT NULL,
  claimed_until INTEGER NOT NULL DEFAULT 0
) STRICT;
`;

/**
 * An outbox in an SQLite file of the user's.
 *
 * It is written to through the user's own connection, and read through one of its own, which never
 * stands in the middle of a transaction of theirs.
 */
export class SqliteOutbox implements OutboxStore<DatabaseSync> {
  readonly schema: string = SCHEMA;
  readonly #path: string;
  #opened: DatabaseSync | undefined;

  /** `path` is the file that the user's connections have open. */
  constructor(path: string) {
    this.#path = path;
  }

  async install(): Promise<void> {
    this.#run((database) => database.exec(SCHEMA));
  }

  /** The rows are written when the call returns, so that no other work comes in between. */
  write(transaction: DatabaseSync, entries: readonly OutboxEntry[]): Promise<void> {
    const insert = transaction.prepare(
      "INSERT INTO tidings_outbox (id, call, written_at) VALUES (?, ?, ?)",
    );
    for (const { id, call } of entries) insert.run(id, call, Date.now());
    return Promise.resolve();
  }

  async claim(limit: number): Promise<readonly ClaimedEntry[]> {
    const now = Date.now();
    return this.#run((database) => {
      const first = "SELECT 1 FROM tidings_outbox WHERE claimed_until <= ? LIMIT 1";
      // Looking costs no lock.
      if (!database.prepare(first).get(now)) return [];
      const rows = database
        .prepare(`
          UPDATE tidings_outbox SET claimed_until = ?
          WHERE seq IN (
            SELECT seq FROM tidings_outbox WHERE claimed_until <= ? ORDER BY seq LIMIT ?)
          RETURNING seq, id, call`)
        .all(now + CLAIM_MS, now, limit);
      // The order in which UPDATE returns rows is not defined.
      return rows
        .toSorted((left, right) => Number(left["seq"]) - Number(right["seq"]))
        .map((row) => ({
          seq: String(row["seq"]),
          id: String(row["id"]),
          call: String(row["call"]),
        }));
    });
  }

  async settle(entries: readonly ClaimedEntry[], delivered: Delivered): Promise<void> {
    const places = JSON.stringify(entries.map(({ seq }) => Number(seq)));
    const among = "seq IN (SELECT value FROM json_each(?))";
    this.#run((database) => {
      if (delivered === "sent") {
        database.prepare(`DELETE FROM tidings_outbox WHERE ${among}`).run(places);
        return;
      }
      const until = delivered === "refused" ? Date.now() + REFUSED_MS : 0;
      database
        .prepare(`UPDATE tidings_outbox SET claimed_until = ? WHERE ${among}`)
        .run(until, places);
    });
  }

  async backlog(): Promise<OutboxBacklog> {
    const sql = "SELECT count(*) AS count, min(written_at) AS oldest FROM tidings_outbox";
    const row = this.#run((database) => database.prepare(sql).get());
    const oldest = row?.["oldest"] ?? null;
    return { count: Number(row?.["count"]), oldestAt: oldest === null ? null : Number(oldest) };
  }

  /** "The integer values returned … will change if another connection commits a change". */
  async listen(listener: () => void): Promise<() => void> {
    let seen: unknown;
    const timer = setInterval(() => {
      const version = this.#readVersion();
      if (version !== seen) listener();
      seen = version;
    }, POLL_MS);
    return () => clearInterval(timer);
  }

  async close(): Promise<void> {
    this.#opened?.close();
    this.#opened = undefined;
  }

  #run<T>(work: (database: DatabaseSync) => T): T {
    try {
      this.#opened ??= new DatabaseSync(this.#path, { timeout: LOCK_WAIT_MS });
      return work(this.#opened);
    } catch (error) {
      throw toStorageError(error, this.#path);
    }
  }

  /** What cannot be read is a change: who is told looks, and meets the error. */
  #readVersion(): unknown {
    try {
      return this.#run((database) => database.prepare("PRAGMA data_version").get())?.[
        "data_version"
      ];
    } catch {
      return null;
    }
  }
}

import { DatabaseSync } from "node:sqlite";

import { TidingsError } from "../core/errors.ts";
import { isBusy } from "./storage-error.ts";

/** How long SQLite itself waits for a lock. It blocks the process meanwhile, so not for long. */
const LOCK_WAIT_MS = 20;
/** How long opening waits for a lock: another process may be making the tables. */
const OPEN_WAIT_MS = 5_000;

/** The tables that a file has, and how one of an earlier version becomes one of this. */
export interface SqliteTables<TTopic extends string> {
  /** The table that holds their version, in one row. */
  readonly versionTable: string;
  /** A file written by a later version is refused. */
  readonly version: number;
  /** Makes what is missing; names start with `tidings_`, so that the file may hold other tables too. */
  readonly create: string;
  /** What turns the tables of an earlier version into these. */
  readonly migrations: ReadonlyMap<number, string>;
  /** What can change, so that others are told of it. */
  readonly topics: readonly TTopic[];
}

/**
 * Opens a file, and makes or migrates its tables.
 *
 * @throws {TidingsError} STORAGE_UNAVAILABLE when its tables are of a later version.
 */
export function openFile(path: string, tables: SqliteTables<string>): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: OPEN_WAIT_MS });
  try {
    setUp(database, tables);
    assertVersion(database, path, tables);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function setUp(database: DatabaseSync, tables: SqliteTables<string>): void {
  const deadline = performance.now() + OPEN_WAIT_MS;
  for (;;) {
    try {
      database.exec(`
        PRAGMA busy_timeout = ${OPEN_WAIT_MS};
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        BEGIN IMMEDIATE;
        ${tables.create}
      `);
      const migration = tables.migrations.get(readVersion(database, tables));
      if (migration !== undefined) database.exec(migration);
      database.exec(`COMMIT; PRAGMA busy_timeout = ${LOCK_WAIT_MS};`);
      return;
    } catch (error) {
      // SQLite does not wait for a lock while another process switches the same file to WAL.
      if (!isBusy(error) || performance.now() > deadline) throw error;
    }
  }
}

function readVersion(database: DatabaseSync, { versionTable }: SqliteTables<string>): number {
  return Number(database.prepare(`SELECT version FROM ${versionTable}`).get()?.["version"]);
}

function assertVersion(database: DatabaseSync, path: string, tables: SqliteTables<string>): void {
  const version = readVersion(database, tables);
  if (version === tables.version) return;
  throw new TidingsError(
    "STORAGE_UNAVAILABLE",
    `the database ${path} has tables of version ${version}, this program knows ${tables.version}; update it, or choose another file`,
  );
}

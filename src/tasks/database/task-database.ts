import { SqliteFiles, type SqliteDatabase } from "../../sqlite/index.ts";
import { MIGRATION_FROM_1, MIGRATION_FROM_2, SCHEMA, SCHEMA_VERSION } from "./schema.ts";

/** What can change. */
export type DatabaseTopic = "messages" | "records" | "control";

/** The SQLite file of broker, results, and what else tasks keep. */
export type TaskDatabase = SqliteDatabase<DatabaseTopic>;

const files = new SqliteFiles<DatabaseTopic>({
  versionTable: "tidings_schema",
  version: SCHEMA_VERSION,
  create: SCHEMA,
  migrations: new Map([
    [1, MIGRATION_FROM_1],
    [2, MIGRATION_FROM_2],
  ]),
  topics: ["messages", "records", "control"],
});

/**
 * Opens the tasks' database at a path, or returns the one that this process has open.
 *
 * Each user calls `close` once.
 *
 * @throws {TidingsError} STORAGE_UNAVAILABLE when that cannot be done.
 */
export function openTaskDatabase(path: string): TaskDatabase {
  return files.open(path);
}

/**
 * SQLite files: each opened once per process, commits in groups, commits of other processes noticed.
 *
 * @module
 */

export type { SqliteDatabase } from "./sqlite-database.ts";
export { SqliteFiles } from "./sqlite-files.ts";
export { parseSqlitePath } from "./sqlite-url.ts";
export { toStorageError } from "./storage-error.ts";

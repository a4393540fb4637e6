/**
 * What files of SQLite have in common: each is opened once per process and commits in groups, and commits of
 * other processes are noticed. Processes that share a memory have it in files, too.
 *
 * @module
 */

export { makeFolder } from "./make-folder.ts";
export type { LastingStatement } from "./lasting-statement.ts";
export { joinSharedFolder, sharedFile } from "./shared-folder.ts";
export type { SqliteDatabase } from "./sqlite-database.ts";
export { SqliteFiles } from "./sqlite-files.ts";
export { parseSqlitePath } from "./sqlite-url.ts";
export { isBusy, toStorageError } from "./storage-error.ts";

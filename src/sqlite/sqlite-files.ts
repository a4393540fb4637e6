import { realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

import { makeFolder } from "./make-folder.ts";
import type { SqliteTables } from "./open-file.ts";
import { SqliteDatabase } from "./sqlite-database.ts";
import { toStorageError } from "./storage-error.ts";

/** The files of this process that have certain tables; each is opened once. */
export class SqliteFiles<TTopic extends string> {
  readonly #tables: SqliteTables<TTopic>;
  readonly #opened = new Map<string, SqliteDatabase<TTopic>>();

  constructor(tables: SqliteTables<TTopic>) {
    this.#tables = tables;
  }

  /**
   * Opens the database at a path, or returns the one that this process has open.
   *
   * Makes file and folder if they are missing. Each user calls `close` once.
   *
   * @throws {TidingsError} STORAGE_UNAVAILABLE when that cannot be done.
   */
  open(path: string): SqliteDatabase<TTopic> {
    try {
      const folder = dirname(resolve(path));
      makeFolder(folder);
      // Two ways to the same folder must lead to one connection.
      const file = join(realpathSync(folder), basename(path));
      const database = this.#opened.get(file) ?? this.#openFile(file);
      return database.use();
    } catch (error) {
      throw toStorageError(error, resolve(path));
    }
  }

  #openFile(file: string): SqliteDatabase<TTopic> {
    const database = new SqliteDatabase(file, this.#tables, () => this.#opened.delete(file));
    this.#opened.set(file, database);
    return database;
  }
}

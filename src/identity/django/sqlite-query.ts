import { DatabaseSync, type StatementSync } from "node:sqlite";

import type { DjangoQuery } from "./query.ts";

/** How long SQLite waits while Django writes. It blocks the process meanwhile, so not for long. */
const BUSY_TIMEOUT_MS = 500;

/** A database that was opened here, and is closed here. */
export interface SqliteQuery {
  readonly query: DjangoQuery;
  readonly close: () => void;
}

/** Opens an SQLite file at the first query, only for reading; a failed attempt is made again. */
export function openSqliteQuery(path: string): SqliteQuery {
  let database: DatabaseSync | undefined;
  const statements = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    database ??= new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
    let statement = statements.get(sql);
    if (!statement) statements.set(sql, (statement = database.prepare(sql)));
    return statement;
  };
  return {
    query: (sql, params) => prepare(sql).all(...params),
    close() {
      statements.clear();
      database?.close();
      database = undefined;
    },
  };
}

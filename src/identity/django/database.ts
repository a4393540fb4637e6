import {
  assertFunction,
  assertKnownOptions,
  invalidOption,
  optionNames,
  wrongKind,
} from "../../core/options.ts";
import { userFinder, type DjangoUser, type DjangoUserColumns } from "./database-users.ts";
import { isTimeZone, toInstant } from "./expire-date.ts";
import {
  assertSqlName,
  cell,
  selectBy,
  type DjangoDialect,
  type DjangoQuery,
  type DjangoRow,
} from "./query.ts";
import { readSessionData } from "./session-data.ts";
import { SESSION_KEY, type DjangoSessionEngine } from "./session-engine.ts";
import { openSqliteQuery } from "./sqlite-query.ts";
import { toStorageError } from "./storage-error.ts";

/** The names in a database of Django. */
export interface DjangoTables {
  /** @default "django_session" */
  readonly sessionTable?: string | undefined;
  /** The table of `AUTH_USER_MODEL`. @default "auth_user" */
  readonly userTable?: string | undefined;
  readonly userColumns?: DjangoUserColumns | undefined;
  /** The site's `TIME_ZONE`, if it has `USE_TZ = False`. @default "UTC" */
  readonly timeZone?: string | undefined;
}

/** Which SQLite file. */
export interface DjangoSqlite {
  /** Its path; opened at the first use, only for reading. */
  readonly sqlite: string;
}

/** Any other database, through the driver that the application has. */
export interface DjangoDriver {
  readonly query: DjangoQuery;
  readonly dialect: DjangoDialect;
}

export type DjangoDatabaseOptions = DjangoTables & (DjangoSqlite | DjangoDriver);

/** The database of a Django site: its users, and its sessions if they are kept there. */
export interface DjangoDatabase extends DjangoSessionEngine, Disposable {
  /**
   * The active user with a primary key, or `null`.
   *
   * @throws {TidingsError} STORAGE_UNAVAILABLE when the database cannot be asked.
   */
  findUser(id: string): Promise<DjangoUser | null>;
  /** Closes an SQLite file; the driver behind `query` is left open. */
  close(): void;
}

const NAMES = optionNames<DjangoTables & DjangoSqlite & DjangoDriver>({
  sessionTable: true,
  userTable: true,
  userColumns: true,
  timeZone: true,
  sqlite: true,
  query: true,
  dialect: true,
});
const DIALECTS: readonly unknown[] = ["postgresql", "mysql", "sqlite"];

/**
 * The database of a Django site, for its users and for sessions of the `db` and `cached_db` engines.
 *
 * It is only read: one row for the session and one for the user. `cached_db` writes each session here
 * as well as to its cache, so that the cache need not be asked.
 *
 * @throws {TidingsError} OPTION_INVALID for an option that is bad, missing, or that nobody knows; from
 *   its methods, for a column that is not there. STORAGE_UNAVAILABLE when the database cannot be asked.
 */
export function djangoDatabase(options: DjangoDatabaseOptions): DjangoDatabase {
  assertKnownOptions("`djangoDatabase`", options, NAMES);
  const { sessionTable = "django_session", userTable = "auth_user", timeZone = "UTC" } = options;
  if (!isTimeZone(timeZone)) throw invalidOption("timeZone", "a time zone", timeZone);
  const { query, dialect, close } = openDriver(options);
  const sessionSql = selectBy(dialect, assertSqlName("sessionTable", sessionTable), "session_key");
  const find = async (sql: string, parameter: string): Promise<DjangoRow | undefined> => {
    try {
      const [row] = await query(sql, [parameter]);
      return row;
    } catch (thrown) {
      const secret = SESSION_KEY.test(parameter) ? parameter : undefined;
      throw toStorageError("the database", thrown, secret);
    }
  };
  return {
    async load(cookie, keys) {
      if (!SESSION_KEY.test(cookie)) return null;
      const row = await find(sessionSql, cookie);
      if (!row) return null;
      const expiresAt = toExpiry(cell(row, "expire_date"), timeZone);
      if (expiresAt <= Date.now()) return null;
      const data = readSessionData(String(cell(row, "session_data")), keys);
      return data && { data, expiresAt };
    },
    findUser: userFinder(find, { table: userTable, columns: options.userColumns, dialect }),
    close,
    [Symbol.dispose]: close,
  };
}

interface OpenDriver extends DjangoDriver {
  readonly close: () => void;
}

function openDriver(options: DjangoSqlite | DjangoDriver): OpenDriver {
  if ("sqlite" in options) {
    const { sqlite } = options;
    if (typeof sqlite !== "string") throw wrongKind("sqlite", "the path of a file", sqlite);
    return { ...openSqliteQuery(sqlite), dialect: "sqlite" };
  }
  const { query, dialect } = options;
  assertFunction("query", query);
  if (!DIALECTS.includes(dialect))
    throw invalidOption("dialect", `one of ${DIALECTS.join(", ")}`, dialect);
  return { query, dialect, close: () => undefined };
}

function toExpiry(value: unknown, timeZone: string): number {
  const expiresAt = toInstant(value, timeZone);
  if (expiresAt !== undefined) return expiresAt;
  throw invalidOption("expire_date", "a Date, or a text like 2030-01-31 12:00:00", value);
}

import { assertKnownOptions, optionNames } from "../../core/options.ts";
import { assertSqlName, cell, selectBy, type DjangoDialect, type DjangoRow } from "./query.ts";

/** The columns of the user model that are looked at. */
export interface DjangoUserColumns {
  /** The primary key. @default "id" */
  readonly id?: string | undefined;
  /** @default "password" */
  readonly password?: string | undefined;
  /** `null` when the model has none: then everybody is active. @default "is_active" */
  readonly isActive?: string | null | undefined;
}

/** A user as the database has it. */
export interface DjangoUser {
  /** The row without the password. */
  readonly row: DjangoRow;
  /** The password field: a hash. */
  readonly password: string;
}

/** Finds a row by a statement and its parameter. */
export type FindRow = (sql: string, parameter: string) => Promise<DjangoRow | undefined>;

interface UserTable {
  readonly table: string;
  readonly columns: DjangoUserColumns | undefined;
  readonly dialect: DjangoDialect;
}

const NAMES = optionNames<DjangoUserColumns>({
  id: true,
  password: true,
  isActive: true,
});
const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;

/** Makes what looks up the active user with a primary key. */
export function userFinder(
  find: FindRow,
  { table, columns = {}, dialect }: UserTable,
): (id: string) => Promise<DjangoUser | null> {
  assertKnownOptions("`userColumns`", columns, NAMES);
  const { id: idColumn = "id", password: passwordColumn = "password" } = columns;
  const { isActive: activeColumn = "is_active" } = columns;
  assertSqlName("userColumns.password", passwordColumn);
  if (activeColumn !== null) assertSqlName("userColumns.isActive", activeColumn);
  const sql = selectBy(
    dialect,
    assertSqlName("userTable", table),
    assertSqlName("userColumns.id", idColumn),
  );
  return async (id) => {
    const row = await find(sql, toPrimaryKey(id, dialect));
    if (!row || !isSameKey(cell(row, idColumn), id)) return null;
    if (activeColumn !== null && !isTrue(cell(row, activeColumn))) return null;
    const password = cell(row, passwordColumn);
    if (typeof password !== "string") return null;
    const { [passwordColumn]: _password, ...others } = row;
    return { row: others, password };
  };
}

/** Where the database has no type for it, Django stores a UUID without its hyphens. */
function toPrimaryKey(id: string, dialect: DjangoDialect): string {
  return dialect !== "postgresql" && UUID.test(id) ? id.replaceAll("-", "") : id;
}

/** Databases compare loosely: to MySQL, the text `1x` is the number 1. */
function isSameKey(found: unknown, id: string): boolean {
  const text = String(found);
  return text === id || (UUID.test(id) && text.replaceAll("-", "") === id.replaceAll("-", ""));
}

/** SQLite and MySQL have no truth but 1. */
function isTrue(value: unknown): boolean {
  return value === true || value === 1 || value === 1n;
}

import { invalidOption } from "../../core/options.ts";

/** A row of a table, by the names of its columns. */
export type DjangoRow = Readonly<Record<string, unknown>>;

/** Runs a statement of the application's driver with its parameters, and returns the rows. */
export type DjangoQuery = (
  sql: string,
  params: readonly string[],
) => readonly DjangoRow[] | Promise<readonly DjangoRow[]>;

/** Which database it is; that decides how names and parameters are written. */
export type DjangoDialect = "postgresql" | "mysql" | "sqlite";

/** A statement that finds the rows whose column has the value of its one parameter. */
export function selectBy(dialect: DjangoDialect, table: string, column: string): string {
  const quote = dialect === "mysql" ? "`" : '"';
  const parameter = dialect === "postgresql" ? "$1" : "?";
  const quoted = table.split(".").map((name) => quote + name + quote);
  return `SELECT * FROM ${quoted.join(".")} WHERE ${quote}${column}${quote} = ${parameter}`;
}

/** Returns the name of a table or column, or throws `OPTION_INVALID` when it cannot be one. */
export function assertSqlName(option: string, name: string): string {
  if (/^[A-Za-z_][\w$]*(?:\.[A-Za-z_][\w$]*)?$/.test(name)) return name;
  throw invalidOption(option, "the name of a table or column", name);
}

/**
 * What a row has in a column.
 *
 * @throws {TidingsError} OPTION_INVALID when there is no such column.
 */
export function cell(row: DjangoRow, column: string): unknown {
  if (Object.hasOwn(row, column)) return row[column];
  throw invalidOption("column", "a column of the table", column);
}

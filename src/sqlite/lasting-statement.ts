import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite";

type Row = Record<string, SQLOutputValue>;
type Named = Record<string, SQLInputValue>;

/** A statement that outlives its connection: in the next one of its file it is prepared again. */
export class LastingStatement {
  readonly #sql: string;
  readonly #connection: () => DatabaseSync;
  #preparedIn: DatabaseSync;
  #prepared: StatementSync;

  /** `connection` returns that of now. */
  constructor(sql: string, connection: () => DatabaseSync) {
    this.#sql = sql;
    this.#connection = connection;
    this.#preparedIn = connection();
    this.#prepared = this.#preparedIn.prepare(sql);
  }

  run(...values: readonly SQLInputValue[]): ReturnType<StatementSync["run"]> {
    return this.#statement.run(...values);
  }

  get(...values: readonly SQLInputValue[]): Row | undefined {
    return this.#statement.get(...values);
  }

  /** `get` with values by their names. */
  getBy(values: Named): Row | undefined {
    return this.#statement.get(values);
  }

  all(...values: readonly SQLInputValue[]): Row[] {
    return this.#statement.all(...values);
  }

  /** `all` with values by their names. */
  allBy(values: Named): Row[] {
    return this.#statement.all(values);
  }

  iterate(...values: readonly SQLInputValue[]): NodeJS.Iterator<Row> {
    return this.#statement.iterate(...values);
  }

  get #statement(): StatementSync {
    const connection = this.#connection();
    if (connection !== this.#preparedIn) {
      this.#prepared = connection.prepare(this.#sql);
      this.#preparedIn = connection;
    }
    return this.#prepared;
  }
}

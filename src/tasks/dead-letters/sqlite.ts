import type { SQLOutputValue } from "node:sqlite";

import type { LastingStatement } from "../../sqlite/index.ts";
import type { Delivery } from "../brokers/broker.ts";
import { readMessageRow } from "../database/message-row.ts";
import type { TaskDatabase } from "../database/task-database.ts";
import {
  MAX_EXPIRED,
  MAX_PAGE_BYTES,
  NUMBERED_PLACE,
  toBounds,
  toPlace,
  type DeadLetterBounds,
  type DeadLetterPage,
  type DeadLetterRequest,
  type DeadLetterStore,
} from "./dead-letter-store.ts";
import { toReason, type DeadLetter, type Death } from "./dead-letter.ts";

/** What a letter and the message that it was have in common. */
const KEPT = "queue, headers, body, content_type, content_encoding, properties, runs, lost_leases";

/**
 * The dead letters of an SQLite file.
 *
 * A message becomes one in the transaction that ends its delivery. `seq` is when it died, or the next
 * number that is free, so that it tells order and age alike.
 */
export class SqliteDeadLetters implements DeadLetterStore {
  readonly #database: TaskDatabase;
  readonly #now: () => number;
  readonly #bounds: ReturnType<typeof toBounds>;
  readonly #statements: Readonly<Record<StatementName, LastingStatement>>;

  constructor(database: TaskDatabase, now: () => number, bounds?: DeadLetterBounds) {
    this.#database = database;
    this.#now = now;
    this.#bounds = toBounds(bounds);
    this.#statements = prepareStatements(database);
  }

  bury(delivery: Delivery, death: Death): Promise<boolean> {
    return this.#database.run(() => this.buryIn(delivery, death));
  }

  /** `bury`, inside a transaction. */
  buryIn({ id, runs }: Delivery, { task, reason, error, diedAt }: Death): boolean {
    const { keep, end, trim } = this.#statements;
    keep.run(diedAt, task, reason, error.type, error.message, diedAt, id, runs);
    if (end.run(id, runs).changes === 0) return false;
    trim.run(this.#bounds.maxCount);
    return true;
  }

  async read(request: DeadLetterRequest): Promise<DeadLetterPage> {
    const { limit } = request;
    const after = Number(toPlace(request, NUMBERED_PLACE) ?? 0);
    return this.#database.read(() => {
      const letters: DeadLetter[] = [];
      let bytes = 0;
      let last = 0;
      for (const row of this.#statements.read.iterate(after)) {
        if (letters.length >= limit || bytes > MAX_PAGE_BYTES) {
          return { letters, next: String(last) };
        }
        const letter = toLetter(row);
        letters.push(letter);
        bytes += letter.message.body.byteLength;
        last = Number(row["seq"]);
      }
      return { letters, next: null };
    });
  }

  async get(id: string): Promise<DeadLetter | null> {
    const row = this.#database.read(() => this.#statements.get.get(id));
    return row ? toLetter(row) : null;
  }

  remove(id: string): Promise<boolean> {
    return this.#database.run(() => this.#statements.remove.run(id).changes === 1);
  }

  async count(): Promise<number> {
    const row = this.#database.read(() => this.#statements.count.get());
    return Number(row?.["count"]);
  }

  async expire(): Promise<number> {
    const before = this.#now() - this.#bounds.maxAgeMs;
    // Looking first costs no lock, and there is rarely anything.
    if (!this.#database.read(() => this.#statements.expired.get(before))) return 0;
    const { changes } = await this.#database.run(() => this.#statements.expire.run(before));
    return Number(changes);
  }
}

type StatementName =
  | "keep"
  | "end"
  | "trim"
  | "read"
  | "get"
  | "remove"
  | "count"
  | "expired"
  | "expire";

function prepareStatements(
  database: TaskDatabase,
): Readonly<Record<StatementName, LastingStatement>> {
  return {
    keep: database.prepare(`
      INSERT OR REPLACE INTO tidings_dead_letters
        (seq, task, reason, error_type, error_message, died_at, id, ${KEPT})
      SELECT max(?, coalesce((SELECT max(seq) + 1 FROM tidings_dead_letters), 0)),
        ?, ?, ?, ?, ?, id, ${KEPT}
      FROM tidings_messages WHERE id = ? AND runs = ? AND leased_until IS NOT NULL`),
    end: database.prepare(`
      DELETE FROM tidings_messages WHERE id = ? AND runs = ? AND leased_until IS NOT NULL`),
    trim: database.prepare(`
      DELETE FROM tidings_dead_letters WHERE seq <= (
        SELECT seq FROM tidings_dead_letters ORDER BY seq DESC LIMIT 1 OFFSET ?)`),
    read: database.prepare("SELECT * FROM tidings_dead_letters WHERE seq > ? ORDER BY seq"),
    get: database.prepare("SELECT * FROM tidings_dead_letters WHERE id = ?"),
    remove: database.prepare("DELETE FROM tidings_dead_letters WHERE id = ?"),
    count: database.prepare("SELECT count(*) AS count FROM tidings_dead_letters"),
    expired: database.prepare("SELECT 1 FROM tidings_dead_letters WHERE seq < ? LIMIT 1"),
    expire: database.prepare(`
      DELETE FROM tidings_dead_letters WHERE seq IN (
        SELECT seq FROM tidings_dead_letters WHERE seq < ? ORDER BY seq LIMIT ${MAX_EXPIRED})`),
  };
}

function toLetter(row: Record<string, SQLOutputValue>): DeadLetter {
  return {
    id: String(row["id"]),
    queue: String(row["queue"]),
    task: row["task"] === null ? null : String(row["task"]),
    reason: toReason(row["reason"]),
    error: { type: String(row["error_type"]), message: String(row["error_message"]) },
    diedAt: Number(row["died_at"]),
    runs: Number(row["runs"]),
    lostLeases: Number(row["lost_leases"]),
    message: readMessageRow(row),
  };
}

import type { SQLInputValue, SQLOutputValue } from "node:sqlite";

import type { LastingStatement } from "../../sqlite/index.ts";
import { SqliteControl } from "../control/sqlite.ts";
import { MESSAGE_COLUMNS, readMessageRow, toMessageColumns } from "../database/message-row.ts";
import { SqliteQueueContents } from "../database/queue-contents.ts";
import { openTaskDatabase, type TaskDatabase } from "../database/task-database.ts";
import type { DeadLetterBounds } from "../dead-letters/dead-letter-store.ts";
import { SqliteDeadLetters } from "../dead-letters/sqlite.ts";
import type { LimitStore, WaitingTask } from "../limits/limit-store.ts";
import { SqliteLimits } from "../limits/sqlite.ts";
import type { EncodedMessage } from "../message/message.ts";
import { PRIORITY_STEPS } from "../priority.ts";
import type {
  Broker,
  CancelledMessage,
  Delivery,
  Publication,
  PutBackOptions,
  SharedBroker,
  TakeRequest,
} from "./broker.ts";

/** How to make a {@link SqliteBroker}. */
export interface SqliteBrokerOptions {
  /** The time in milliseconds, for tests. @default Date.now */
  readonly now?: (() => number) | undefined;
  /** How many dead letters it keeps, and how long. */
  readonly deadLetters?: DeadLetterBounds | undefined;
}

/**
 * A broker in an SQLite file.
 *
 * Delivery: at least once, between any number of processes of one machine. Survives: the end of every
 * process, and a loss of power (each commit waits for the disk). Bound: the disk.
 */
export class SqliteBroker implements Broker {
  readonly contents: SqliteQueueContents;
  readonly control: SqliteControl;
  readonly limits: LimitStore;
  readonly deadLetters: SqliteDeadLetters;
  readonly #database: TaskDatabase;
  readonly #now: () => number;
  readonly #statements: BrokerStatements;
  #turn = 0;
  #closed = false;

  constructor(path: string, { now = Date.now, deadLetters }: SqliteBrokerOptions = {}) {
    this.#database = openTaskDatabase(path);
    this.#now = now;
    this.#statements = prepareStatements(this.#database);
    this.control = new SqliteControl(this.#database);
    this.contents = new SqliteQueueContents(this.#database, now);
    this.limits = new SqliteLimits(this.#database, now);
    this.deadLetters = new SqliteDeadLetters(this.#database, now, deadLetters);
  }

  get shared(): SharedBroker {
    return {
      transaction: this.#database,
      acknowledge: (delivery) => this.#acknowledge(delivery),
      putBack: (delivery, options = {}) => this.#putBack(delivery, options),
      bury: (delivery, death) => this.deadLetters.buryIn(delivery, death),
      publish: (sent) => this.#insert(sent.message.id, this.#toRow(sent)),
    };
  }

  publish(queue: string, message: EncodedMessage, dueAt?: number): Promise<boolean> {
    const row = this.#toRow({ queue, message, dueAt });
    return this.#database.run(() => this.#insert(message.id, row));
  }

  async take({ queues, limit, leaseMs }: TakeRequest): Promise<readonly Delivery[]> {
    // Looking first costs microseconds and no lock; workers ask again at every change.
    const turn = this.#nextTurn(queues);
    const lanes = this.#findDue(turn);
    if (lanes.length === 0) return [];
    return this.#database.run(() => {
      const rows: Row[] = [];
      for (const { queue, priority } of lanes) {
        const now = this.#now();
        const rest = limit - rows.length;
        const found = this.#statements.lease.all(now + leaseMs, queue, priority, now, rest);
        // The order in which UPDATE returns rows is not defined.
        rows.push(...found.toSorted(byDueTime));
        if (rows.length >= limit) break;
      }
      return rows.map(toDelivery);
    });
  }

  async nextDueAt(queues: readonly string[]): Promise<number | null> {
    const times = queues.flatMap((queue) => this.#look(queue)).map(({ dueAt }) => dueAt);
    return times.length === 0 ? null : Math.min(...times);
  }

  renew(deliveries: readonly Delivery[], leaseMs: number): Promise<readonly Delivery[]> {
    return this.#database.run(() => {
      const until = this.#now() + leaseMs;
      return deliveries.filter(
        ({ id, runs }) => this.#statements.renew.run(until, id, runs).changes === 0,
      );
    });
  }

  async reclaim(): Promise<number> {
    const expired = this.#database.read(() => this.#statements.expired.get(this.#now()));
    if (!expired) return 0;
    return this.#database.run(() => {
      const now = this.#now();
      const ids = this.#statements.reclaim.all(now).map((row) => String(row["id"]));
      for (const id of ids) this.#database.touch("messages", id);
      return ids.length;
    });
  }

  acknowledge(delivery: Delivery): Promise<boolean> {
    return this.#database.run(() => this.#acknowledge(delivery));
  }

  putBack(delivery: Delivery, options: PutBackOptions = {}): Promise<boolean> {
    return this.#database.run(() => this.#putBack(delivery, options));
  }

  cancel(id: string): Promise<CancelledMessage | null> {
    return this.#database.run(() => {
      const row = this.#statements.cancel.get(this.#now(), id);
      if (!row) return null;
      this.#database.touch("messages", id);
      const running = row["leased_until"] !== null;
      return { queue: String(row["queue"]), message: readMessageRow(row), running };
    });
  }

  async discard(id: string): Promise<void> {
    await this.#database.run(() => this.#statements.discard.run(id));
  }

  hasten(tasks: readonly WaitingTask[]): Promise<void> {
    return this.#database.run(() => {
      for (const { id } of tasks) {
        const { changes } = this.#statements.hasten.run(this.#now(), id);
        if (changes === 1) this.#database.touch("messages", id);
      }
    });
  }

  now(): number {
    return this.#now();
  }

  async listCancelled(): Promise<readonly string[]> {
    const rows = this.#database.read(() => this.#statements.listCancelled.all());
    return rows.map((row) => String(row["id"]));
  }

  onChange(listener: () => void): () => void {
    return this.#database.onChange("messages", listener);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#database.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #toRow({ queue, message, dueAt = this.#now() }: Publication): readonly SQLInputValue[] {
    return [message.id, queue, dueAt, ...toMessageColumns(message)];
  }

  #insert(id: string, row: readonly SQLInputValue[]): boolean {
    const inserted = this.#statements.insert.run(...row).changes === 1;
    if (inserted) this.#database.touch("messages", id);
    return inserted;
  }

  #acknowledge({ id, runs }: Delivery): boolean {
    return this.#statements.acknowledge.run(id, runs).changes === 1;
  }

  #putBack({ id, runs }: Delivery, { message, queue, dueAt }: PutBackOptions): boolean {
    const now = this.#now();
    const columns = message ? toMessageColumns(message) : NO_COLUMNS;
    const time = dueAt ?? now;
    // Whoever only waits for its time has not run.
    const uncounted = Number(!message && time > now);
    const { changes } = this.#statements.putBack.run(
      now,
      time,
      uncounted,
      queue ?? null,
      ...columns,
      id,
      runs,
    );
    if (changes === 1) this.#database.touch("messages", id);
    return changes === 1;
  }

  /** Where something is due: what comes first, in every queue, then what comes next. */
  #findDue(queues: readonly string[]): readonly Lane[] {
    const now = this.#now();
    return queues
      .flatMap((queue) => this.#look(queue))
      .filter(({ dueAt }) => dueAt <= now)
      .toSorted((left, right) => left.priority - right.priority);
  }

  /** The first message of each priority of a queue. */
  #look(queue: string): readonly Lane[] {
    const rows = this.#database.read(() => this.#statements.look.allBy({ queue }));
    return rows.map((row) => ({
      queue,
      priority: Number(row["priority"]),
      dueAt: Number(row["due_at"]),
    }));
  }

  /** The queues, each time beginning with another, so that none starves. */
  #nextTurn(queues: readonly string[]): readonly string[] {
    const first = this.#turn++ % Math.max(queues.length, 1);
    return [...queues.slice(first), ...queues.slice(0, first)];
  }
}

/** The messages of one priority in a queue, by the first one. */
interface Lane {
  readonly queue: string;
  readonly priority: number;
  readonly dueAt: number;
}

type Row = Record<string, SQLOutputValue>;

type StatementName =
  | "insert"
  | "lease"
  | "look"
  | "renew"
  | "expired"
  | "reclaim"
  | "acknowledge"
  | "putBack"
  | "cancel"
  | "discard"
  | "hasten"
  | "listCancelled";

type BrokerStatements = Readonly<Record<StatementName, LastingStatement>>;

/** A lease is held by whoever knows `runs`, as long as it has not ended. */
const HELD = "id = ? AND runs = ? AND leased_until IS NOT NULL";

function prepareStatements(database: TaskDatabase): BrokerStatements {
  return {
    insert: database.prepare(`
      INSERT INTO tidings_messages (id, queue, due_at, ${MESSAGE_COLUMNS.join(", ")})
      VALUES (?, ?, ?, ${MESSAGE_COLUMNS.map(() => "?").join(", ")})
      ON CONFLICT (id) DO NOTHING`),
    lease: database.prepare(`
      UPDATE tidings_messages SET leased_until = ?, runs = runs + 1
      WHERE seq IN (
        SELECT seq FROM tidings_messages
        WHERE leased_until IS NULL AND queue = ? AND priority = ? AND due_at <= ?
        ORDER BY due_at, seq LIMIT ?)
      RETURNING *`),
    look: database.prepare(
      `SELECT * FROM (${PRIORITY_STEPS.map(firstOf).join(" UNION ALL ")}) WHERE due_at IS NOT NULL`,
    ),
    renew: database.prepare(`UPDATE tidings_messages SET leased_until = ? WHERE ${HELD}`),
    expired: database.prepare(`
      SELECT 1 FROM tidings_messages INDEXED BY tidings_messages_leased
      WHERE leased_until IS NOT NULL AND leased_until <= ? LIMIT 1`),
    reclaim: database.prepare(`
      UPDATE tidings_messages INDEXED BY tidings_messages_leased
      SET leased_until = NULL, lost_leases = lost_leases + 1
      WHERE leased_until IS NOT NULL AND leased_until <= ? RETURNING id`),
    acknowledge: database.prepare(`DELETE FROM tidings_messages WHERE ${HELD}`),
    putBack: database.prepare(`
      UPDATE tidings_messages
      SET leased_until = NULL, due_at = iif(cancelled, ?, ?), runs = runs - ?,
        queue = coalesce(?, queue),
        ${MESSAGE_COLUMNS.map((name) => `${name} = coalesce(?, ${name})`).join(", ")}
      WHERE ${HELD}`),
    cancel: database.prepare(`
      UPDATE tidings_messages
      SET cancelled = 1, due_at = iif(leased_until IS NULL, min(due_at, ?), due_at)
      WHERE id = ? RETURNING *`),
    discard: database.prepare(`
      DELETE FROM tidings_messages WHERE id = ? AND cancelled AND leased_until IS NULL`),
    hasten: database.prepare(`
      UPDATE tidings_messages SET due_at = min(due_at, ?) WHERE id = ? AND leased_until IS NULL`),
    listCancelled: database.prepare(`
      SELECT id FROM tidings_messages WHERE leased_until IS NOT NULL AND cancelled = 1`),
  };
}

function firstOf(priority: number): string {
  return `
    SELECT ${priority} AS priority, (
      SELECT due_at FROM tidings_messages
      WHERE leased_until IS NULL AND queue = :queue AND priority = ${priority}
      ORDER BY due_at LIMIT 1) AS due_at`;
}

function byDueTime(left: Row, right: Row): number {
  const byTime = Number(left["due_at"]) - Number(right["due_at"]);
  return byTime === 0 ? Number(left["seq"]) - Number(right["seq"]) : byTime;
}

function toDelivery(row: Row): Delivery {
  return {
    id: String(row["id"]),
    queue: String(row["queue"]),
    message: readMessageRow(row),
    runs: Number(row["runs"]),
    lostLeases: Number(row["lost_leases"]),
    cancelled: row["cancelled"] !== 0,
  };
}

const NO_COLUMNS: readonly null[] = MESSAGE_COLUMNS.map(() => null);

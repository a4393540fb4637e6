import type { LastingStatement } from "../../sqlite/index.ts";
import type { QueueContents, QueueCount } from "../brokers/queue-contents.ts";
import type { TaskDatabase } from "./task-database.ts";

/** One commit removes no more messages than this, so that it never blocks for long. */
const MAX_PURGED = 1_000;

/** What lies in the queues of an SQLite file. */
export class SqliteQueueContents implements QueueContents {
  readonly #database: TaskDatabase;
  readonly #now: () => number;
  readonly #list: LastingStatement;
  readonly #count: LastingStatement;
  readonly #purge: LastingStatement;

  constructor(database: TaskDatabase, now: () => number) {
    this.#database = database;
    this.#now = now;
    // From one name to the next, so that a million messages of a queue are one step.
    this.#list = database.prepare(`
      WITH RECURSIVE names (queue) AS (
        SELECT min(queue) FROM tidings_messages WHERE leased_until IS NULL
        UNION ALL
        SELECT (SELECT min(queue) FROM tidings_messages
          WHERE leased_until IS NULL AND queue > names.queue)
        FROM names WHERE queue IS NOT NULL)
      SELECT queue FROM names WHERE queue IS NOT NULL
      UNION SELECT queue FROM tidings_messages WHERE leased_until IS NOT NULL
      ORDER BY queue`);
    this.#count = database.prepare(`
      SELECT
        (SELECT count(*) FROM tidings_messages
          WHERE leased_until IS NULL AND queue = :queue AND due_at <= :now) AS waiting,
        (SELECT count(*) FROM tidings_messages
          WHERE leased_until IS NULL AND queue = :queue AND due_at > :now) AS delayed,
        (SELECT count(*) FROM tidings_messages
          WHERE leased_until IS NOT NULL AND queue = :queue) AS taken`);
    this.#purge = database.prepare(`
      DELETE FROM tidings_messages WHERE seq IN (
        SELECT seq FROM tidings_messages WHERE leased_until IS NULL AND queue = ?
        LIMIT ${MAX_PURGED})`);
  }

  async list(): Promise<readonly string[]> {
    const rows = this.#database.read(() => this.#list.all());
    return rows.map((row) => String(row["queue"]));
  }

  async count(queue: string): Promise<QueueCount> {
    const row = this.#database.read(() => this.#count.getBy({ queue, now: this.#now() }));
    return {
      waiting: Number(row?.["waiting"]),
      delayed: Number(row?.["delayed"]),
      taken: Number(row?.["taken"]),
    };
  }

  async purge(queue: string): Promise<number> {
    for (let purged = 0; ;) {
      const { changes } = await this.#database.run(() => this.#purge.run(queue));
      purged += Number(changes);
      if (Number(changes) < MAX_PURGED) return purged;
    }
  }
}

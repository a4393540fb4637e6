import { TidingsError, toError } from "../../core/errors.ts";
import {
  CLAIM_MS,
  REFUSED_MS,
  type ClaimedEntry,
  type Delivered,
  type OutboxBacklog,
  type OutboxEntry,
  type OutboxStore,
} from "./outbox-store.ts";

/** What is needed of a client of PostgreSQL: `Client`, `PoolClient` and `Pool` of `pg` have it. */
export interface PostgresClient {
  query(
    text: string,
    values?: unknown[],
  ): Promise<{ readonly rows: readonly Readonly<Record<string, unknown>>[] }>;
}

/** A connection that hears notifications: a connected `Client` of `pg`, for nothing else. */
export interface PostgresListener extends PostgresClient {
  on(event: "notification", listener: (message: { readonly channel: string }) => void): unknown;
  off(event: "notification", listener: (message: { readonly channel: string }) => void): unknown;
}

/** How to make a {@link PostgresOutbox}. */
export interface PostgresOutboxOptions {
  /** Hears of what is committed at once, rather than at the next poll. @default none */
  readonly listener?: PostgresListener | undefined;
}

/** "SKIP LOCKED" makes several relays claim different entries; the lock keeps two from making the table at once. */
const SCHEMA = `SELECT pg_advisory_xact_lock(7253467);
CREATE TABLE IF NOT EXISTS tidings_outbox (
  seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id TEXT NOT NULL,
  call TEXT NOT NULL,
  written_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
  claimed_until TIMESTAMPTZ NOT NULL DEFAULT '-infinity'
);
`;

const CHANNEL = "tidings_outbox";

/**
 * An outbox in a PostgreSQL database of the user's.
 *
 * Each step is one statement, so that any client will do, a pool too, and no transaction stays open
 * while the broker is spoken to. Times are the database's.
 */
export class PostgresOutbox implements OutboxStore<PostgresClient> {
  readonly schema: string = SCHEMA;
  readonly #client: PostgresClient;
  /** Who relays, rather than who sends, asks for this. */
  readonly listen: OutboxStore<PostgresClient>["listen"] | undefined;

  constructor(client: PostgresClient, { listener }: PostgresOutboxOptions = {}) {
    this.#client = client;
    this.listen = listener && ((heard) => listen(listener, heard));
  }

  async install(): Promise<void> {
    await this.#ask(SCHEMA);
  }

  /** One statement; who listens is told by PostgreSQL when the transaction commits, and only then. */
  async write(transaction: PostgresClient, entries: readonly OutboxEntry[]): Promise<void> {
    const sql = `
      WITH written AS (
        INSERT INTO tidings_outbox (id, call)
        SELECT * FROM unnest($1::text[], $2::text[]) RETURNING 1)
      SELECT pg_notify('${CHANNEL}', '') FROM written LIMIT 1`;
    await transaction.query(sql, [entries.map(({ id }) => id), entries.map(({ call }) => call)]);
  }

  async claim(limit: number): Promise<readonly ClaimedEntry[]> {
    const rows = await this.#ask(
      `WITH claimed AS (
        UPDATE tidings_outbox
        SET claimed_until = clock_timestamp() + make_interval(secs => $2::float8)
        WHERE seq IN (
          SELECT seq FROM tidings_outbox WHERE claimed_until <= clock_timestamp()
          ORDER BY seq LIMIT $1 FOR UPDATE SKIP LOCKED)
        RETURNING seq, id, call)
      SELECT seq::text, id, call FROM claimed ORDER BY claimed.seq`,
      [limit, CLAIM_MS / 1_000],
    );
    return rows.map(({ seq, id, call }) => ({
      seq: String(seq),
      id: String(id),
      call: String(call),
    }));
  }

  async settle(entries: readonly ClaimedEntry[], delivered: Delivered): Promise<void> {
    const places = entries.map(({ seq }) => seq);
    const among = "seq = ANY($1::bigint[])";
    if (delivered === "sent") {
      await this.#ask(`DELETE FROM tidings_outbox WHERE ${among}`, [places]);
      return;
    }
    const until =
      delivered === "refused"
        ? `clock_timestamp() + interval '${REFUSED_MS} milliseconds'`
        : "'-infinity'";
    await this.#ask(`UPDATE tidings_outbox SET claimed_until = ${until} WHERE ${among}`, [places]);
  }

  async backlog(): Promise<OutboxBacklog> {
    const [row] = await this.#ask(`
      SELECT count(*)::int AS count, extract(epoch FROM min(written_at))::float8 * 1000 AS oldest
      FROM tidings_outbox`);
    const oldest = row?.["oldest"] ?? null;
    return { count: Number(row?.["count"]), oldestAt: oldest === null ? null : Number(oldest) };
  }

  /** The clients are the user's. */
  async close(): Promise<void> {
    await Promise.resolve();
  }

  async #ask(
    sql: string,
    values?: unknown[],
  ): Promise<readonly Readonly<Record<string, unknown>>[]> {
    try {
      return (await this.#client.query(sql, values)).rows;
    } catch (thrown) {
      const error = toError(thrown);
      throw new TidingsError("STORAGE_UNAVAILABLE", `the outbox in PostgreSQL: ${error.message}`, {
        cause: error,
      });
    }
  }
}

async function listen(listener: PostgresListener, heard: () => void): Promise<() => void> {
  const hear = ({ channel }: { readonly channel: string }): void => {
    if (channel === CHANNEL) heard();
  };
  await listener.query(`LISTEN ${CHANNEL}`);
  listener.on("notification", hear);
  return () => void listener.off("notification", hear);
}

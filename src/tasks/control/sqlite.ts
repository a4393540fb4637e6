import { randomUUID } from "node:crypto";
import type { SQLOutputValue } from "node:sqlite";

import type { LastingStatement } from "../../sqlite/index.ts";
import type { TaskDatabase } from "../database/task-database.ts";
import type {
  ControlChannel,
  ControlInbox,
  ControlReply,
  ControlRequest,
  ReplyAddress,
} from "./control-channel.ts";
import { readReply, readRequest, writeReply, writeRequest, type PidboxMessage } from "./pidbox.ts";

/** Whoever listens has read what is older. */
const KEPT_MS = 60_000;
/** The file holds no more than this, however much is said. */
const MAX_KEPT = 1_000;

/** The name of all workers; inboxes have one of their own. */
const ALL = "";

/**
 * A control channel in an SQLite file, between processes of one machine.
 *
 * What is said is written down, and heard within 100 ms by those who listen already. Bound: 1,000
 * messages, of which the oldest go, and a minute.
 */
export class SqliteControl implements ControlChannel {
  readonly #database: TaskDatabase;
  readonly #insert: LastingStatement;
  readonly #expire: LastingStatement;
  readonly #last: LastingStatement;
  readonly #since: LastingStatement;

  constructor(database: TaskDatabase) {
    this.#database = database;
    this.#insert = database.prepare(`
      INSERT INTO tidings_control (inbox, body, headers, sent_at) VALUES (?, ?, ?, ?)`);
    this.#expire = database.prepare(`
      DELETE FROM tidings_control
      WHERE sent_at <= ? OR seq <= (SELECT max(seq) FROM tidings_control) - ${MAX_KEPT}`);
    this.#last = database.prepare(`
      SELECT coalesce(max(seq), 0) AS seq FROM sqlite_sequence WHERE name = 'tidings_control'`);
    this.#since = database.prepare(`
      SELECT seq, inbox, body, headers FROM tidings_control WHERE seq > ? ORDER BY seq`);
  }

  async listen(listener: (request: ControlRequest) => void): Promise<() => void> {
    return this.#hear(ALL, ({ body, headers }) => {
      const request = readRequest(body, headers);
      if (request) listener(request);
    });
  }

  async send(request: ControlRequest): Promise<void> {
    await this.#write(ALL, writeRequest(request));
  }

  async openInbox(listener: (reply: ControlReply) => void): Promise<ControlInbox> {
    const ticket = randomUUID();
    const leave = this.#hear(ticket, ({ body, headers }) => {
      const reply = readReply(body, headers, ticket);
      if (reply) listener(reply);
    });
    return {
      address: { ticket, exchange: "", routingKey: ticket },
      [Symbol.asyncDispose]: async () => leave(),
    };
  }

  async reply(address: ReplyAddress, reply: ControlReply): Promise<void> {
    await this.#write(address.routingKey, writeReply(address, reply));
  }

  async #write(inbox: string, { body, headers }: PidboxMessage): Promise<void> {
    await this.#database.run(() => {
      const now = Date.now();
      this.#insert.run(inbox, body, JSON.stringify(headers), now);
      this.#expire.run(now - KEPT_MS);
      this.#database.touch("control", inbox);
    });
  }

  /** Hears what comes for an inbox from now. */
  #hear(inbox: string, listener: (message: PidboxMessage) => void): () => void {
    let { connection } = this.#database;
    let seen = Number(this.#database.read(() => this.#last.get())?.["seq"] ?? 0);
    return this.#database.onChange("control", () => {
      // Another file counts from the beginning.
      if (connection !== this.#database.connection) seen = 0;
      connection = this.#database.connection;
      for (const row of this.#readSince(seen)) {
        seen = Number(row["seq"]);
        if (row["inbox"] === inbox) listener(toMessage(row));
      }
    });
  }

  /** A file that cannot be read says nothing; whoever works with it meets the error. */
  #readSince(seen: number): readonly Record<string, SQLOutputValue>[] {
    try {
      return this.#database.read(() => this.#since.all(seen));
    } catch {
      return [];
    }
  }
}

function toMessage(row: Record<string, SQLOutputValue>): PidboxMessage {
  return { body: String(row["body"]), headers: parseHeaders(String(row["headers"])) };
}

function parseHeaders(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

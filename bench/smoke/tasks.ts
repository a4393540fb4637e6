import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";

import { createTasks, SqliteBroker, SqliteResults, type Tasks } from "../../src/tasks/index.ts";
import { median, report, type Figure } from "../figure.ts";

const ROUNDS = 7;
const ENQUEUED_PER_ROUND = 1_000;
const PROCESSED_PER_ROUND = 5_000;
const CONCURRENCY = 50;
/** Tasks a second: what has to be reached with every commit waiting for the disk. */
const FLOOR = 5_000;

/** What a no-op's message looks like, for the peer to carry the same bytes. */
const HEADERS = JSON.stringify({
  lang: "js",
  task: "bench.noop",
  id: crypto.randomUUID(),
  eta: null,
  expires: null,
  group: null,
  retries: 0,
  timelimit: [null, null],
  root_id: crypto.randomUUID(),
  parent_id: null,
  origin: "gen12345@localhost",
  ignore_result: false,
});
const BODY = '[[],{},{"callbacks":null,"errbacks":null,"chain":null,"chord":null}]';
const RECORD = JSON.stringify({
  id: crypto.randomUUID(),
  name: "bench.noop",
  state: "SUCCESS",
  queue: "celery",
  progress: null,
  logs: [],
  result: null,
  error: null,
  retries: 0,
  runs: 1,
  worker: { name: "worker@localhost", pid: 12_345 },
  startedAt: 1_800_000_000_000,
  finishedAt: 1_800_000_000_000,
  retryAt: null,
  revision: 0,
});

/**
 * Measures no-op tasks through SQLite beside bare SQL, round by round in the same run.
 *
 * Both sides use `journal_mode = WAL` and `synchronous = FULL` in files of the same folder. The peer does
 * the least that could do the same: to enqueue, one INSERT and commit per task; to process, the same row
 * changes (lease the message, insert the record, delete the message) in the same two transactions per
 * batch of 50, without looking for what is due, running anything or telling anybody.
 */
export async function measureTasks(): Promise<readonly Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), "tidings-bench-"));
  try {
    await using ours = openOurs(join(folder, "ours.db"));
    using peer = new BareSql(join(folder, "peer.db"));
    const enqueued: Round[] = [];
    const processed: Round[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      enqueued.push(
        await compare(
          ENQUEUED_PER_ROUND,
          () => ours.enqueueOneByOne(),
          () => peer.enqueueOneByOne(),
        ),
      );
      await ours.fill();
      peer.fill();
      processed.push(
        await compare(
          PROCESSED_PER_ROUND,
          () => ours.processAll(),
          () => peer.processAll(),
        ),
      );
    }
    return [
      toFigure("sqlite tasks enqueued one by one, per second", enqueued),
      toFigure(`sqlite tasks processed by a worker of ${CONCURRENCY}, per second`, processed),
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Tasks a second of both sides. */
interface Round {
  readonly ours: number;
  readonly peer: number;
}

async function compare(
  tasks: number,
  ours: () => Promise<void>,
  peer: () => void | Promise<void>,
): Promise<Round> {
  return { ours: await measureRate(tasks, ours), peer: await measureRate(tasks, peer) };
}

async function measureRate(tasks: number, run: () => void | Promise<void>): Promise<number> {
  const start = performance.now();
  await run();
  return (tasks / (performance.now() - start)) * 1_000;
}

function toFigure(name: string, rounds: readonly Round[]): Figure {
  const ours = median(rounds.map((round) => round.ours));
  const peer = median(rounds.map((round) => round.peer));
  const ratio = median(rounds.map((round) => round.ours / round.peer));
  return { name, ours, peer, ratio, floor: FLOOR, isMet: ours >= FLOOR };
}

interface Ours extends AsyncDisposable {
  enqueueOneByOne(): Promise<void>;
  /** Queues what `processAll` runs, and removes what `enqueueOneByOne` left. */
  fill(): Promise<void>;
  /** Resolves when the last outcome is on the disk. */
  processAll(): Promise<void>;
}

function openOurs(file: string): Ours {
  const broker = new SqliteBroker(file);
  const results = new SqliteResults(file);
  const tasks = createTasks({ broker, results });
  const noop = tasks.task("bench.noop", () => null);
  return {
    async enqueueOneByOne() {
      for (let n = 0; n < ENQUEUED_PER_ROUND; n++) await noop.delay();
    },
    async fill() {
      await runUntilStored(tasks, results, ENQUEUED_PER_ROUND);
      await Promise.all(Array.from({ length: PROCESSED_PER_ROUND }, () => noop.delay()));
    },
    processAll: () => runUntilStored(tasks, results, PROCESSED_PER_ROUND),
    async [Symbol.asyncDispose]() {
      await broker.close();
      await results.close();
    },
  };
}

/** Runs a worker until so many tasks have a stored outcome. */
async function runUntilStored(tasks: Tasks, results: SqliteResults, count: number): Promise<void> {
  const ended = new Set<string>();
  const all = Promise.withResolvers<void>();
  // A no-op ends in the tick in which it starts, so its outcome is all that is ever stored.
  const leave = results.onChange((changed) => {
    for (const id of changed ?? []) ended.add(id);
    if (ended.size >= count) all.resolve();
  });
  const worker = tasks.createWorker({ concurrency: CONCURRENCY });
  await worker.start();
  await all.promise;
  leave();
  await worker.stop();
}

/** The same changes, without anything around them. */
class BareSql implements Disposable {
  readonly #database: DatabaseSync;
  readonly #insertMessage: StatementSync;

  constructor(file: string) {
    this.#database = new DatabaseSync(file);
    this.#database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      CREATE TABLE messages (id TEXT PRIMARY KEY, queue TEXT, headers TEXT, body TEXT, due INTEGER, lease INTEGER);
      CREATE TABLE records (id TEXT PRIMARY KEY, record TEXT);
    `);
    this.#insertMessage = this.#database.prepare(
      "INSERT INTO messages (id, queue, headers, body, due) VALUES (?, 'celery', ?, ?, ?)",
    );
  }

  enqueueOneByOne(): void {
    for (const id of newIds(ENQUEUED_PER_ROUND)) this.#insert(id);
  }

  fill(): void {
    this.#database.exec("DELETE FROM messages; BEGIN");
    for (const id of newIds(PROCESSED_PER_ROUND)) this.#insert(id);
    this.#database.exec("COMMIT");
  }

  processAll(): void {
    const ids = this.#database.prepare("SELECT id FROM messages").all();
    const lease = this.#database.prepare("UPDATE messages SET lease = ? WHERE id = ?");
    const insert = this.#database.prepare("INSERT INTO records (id, record) VALUES (?, ?)");
    const remove = this.#database.prepare("DELETE FROM messages WHERE id = ?");
    for (let start = 0; start < ids.length; start += CONCURRENCY) {
      const batch = ids.slice(start, start + CONCURRENCY).map((row) => String(row["id"]));
      this.#database.exec("BEGIN IMMEDIATE");
      for (const id of batch) lease.run(Date.now(), id);
      this.#database.exec("COMMIT; BEGIN IMMEDIATE");
      for (const id of batch) {
        insert.run(id, RECORD);
        remove.run(id);
      }
      this.#database.exec("COMMIT");
    }
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  #insert(id: string): void {
    this.#insertMessage.run(id, HEADERS, BODY, Date.now());
  }
}

function* newIds(count: number): Generator<string> {
  for (let n = 0; n < count; n++) yield crypto.randomUUID();
}

if (import.meta.main) report(await measureTasks(), { json: process.argv.includes("--json") });

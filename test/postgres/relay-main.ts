import { Pool } from "pg";

import { createTasks, PostgresOutbox, SqliteOutbox } from "../../src/tasks/index.ts";

/**
 * A relay in a process of its own, which is killed in the middle of what it does: the calls of the
 * third batch have been sent, and nobody knows it.
 *
 * Arguments: where the outbox is (a URL of PostgreSQL, or a file of SQLite), and the URL of the broker.
 */
const [, , place = "", url = ""] = process.argv;
const tasks = createTasks({ broker: url, results: "memory:" });
const store = place.startsWith("postgres:")
  ? new PostgresOutbox(new Pool({ connectionString: place }))
  : new SqliteOutbox(place);
const settle = store.settle.bind(store);
let batches = 0;
store.settle = async (...args) => {
  batches += 1;
  if (batches === 3) process.kill(process.pid, "SIGKILL");
  await settle(...args);
};
const outbox =
  store instanceof PostgresOutbox ? tasks.createOutbox(store) : tasks.createOutbox(store);
await outbox.start();

import { Pool } from "pg";

import { createTasks, PostgresOutbox, SqliteOutbox } from "../../src/tasks/index.ts";

/**
 * A relay in a process of its own, which runs until it is killed.
 *
 * Arguments: where the outbox is (a URL of PostgreSQL, or a file of SQLite), and the URL of the broker.
 */
const [, , place = "", url = ""] = process.argv;
const tasks = createTasks({ broker: url, results: "memory:" });
const store = place.startsWith("postgres:")
  ? new PostgresOutbox(new Pool({ connectionString: place }))
  : new SqliteOutbox(place);
const outbox =
  store instanceof PostgresOutbox ? tasks.createOutbox(store) : tasks.createOutbox(store);
await outbox.start();
process.stdout.write("ready\n");

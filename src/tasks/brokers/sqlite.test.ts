import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { afterAll, describe, expect, test } from "vitest";

import { brokerCases, brokerSearchCases } from "../../testing/cases/broker.ts";
import { encodeMessage } from "../message/encode.ts";
import { SqliteBroker } from "./sqlite.ts";

const folder = mkdtempSync(join(tmpdir(), "tidings-broker-"));
let files = 0;
const newFile = (): string => join(folder, `${files++}.db`);

afterAll(() => rm(folder, { recursive: true }));

describe("SqliteBroker", () => {
  for (const { name, run } of [...brokerCases, ...brokerSearchCases]) {
    test(name, () =>
      expect(run((options) => new SqliteBroker(newFile(), options))).resolves.toBeUndefined(),
    );
  }

  test("keeps messages and leases over a restart", async () => {
    const file = newFile();
    {
      await using broker = new SqliteBroker(file);
      for (const id of ["one", "two"])
        await broker.publish("celery", encodeMessage({ id, task: "t" }));
      await broker.take({ queues: ["celery"], limit: 1, leaseMs: 60_000 });
    }
    await using broker = new SqliteBroker(file);
    const deliveries = await broker.take({ queues: ["celery"], limit: 9, leaseMs: 60_000 });
    expect(deliveries.map(({ id }) => id)).toEqual(["two"]);
  });

  test("hands on headers that are no JSON", async () => {
    const file = newFile();
    await using broker = new SqliteBroker(file);
    const other = new DatabaseSync(file);
    other.exec(`INSERT INTO tidings_messages (id, queue, headers, body, due_at)
      VALUES ('garbage', 'celery', '}{', x'ff', 0)`);
    other.close();
    const [delivery] = await broker.take({ queues: ["celery"], limit: 1, leaseMs: 1_000 });
    expect(delivery?.message).toMatchObject({ headers: "}{", body: new Uint8Array([255]) });
  });

  test("hears of what other connections publish", async () => {
    const file = newFile();
    await using broker = new SqliteBroker(file);
    const heard = Promise.withResolvers<void>();
    const leave = broker.onChange(heard.resolve);
    const other = new DatabaseSync(file);
    other.exec(`INSERT INTO tidings_messages (id, queue, headers, body, due_at)
      VALUES ('one', 'celery', '{}', x'', 0)`);
    await heard.promise;
    other.close();
    leave();
    expect(await broker.nextDueAt(["celery"])).toBe(0);
  });
});

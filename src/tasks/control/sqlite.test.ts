import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { afterAll, describe, expect, test } from "vitest";

import { controlChannelCases } from "../../testing/cases/control-channel.ts";
import { SqliteBroker } from "../brokers/sqlite.ts";

const folder = mkdtempSync(join(tmpdir(), "tidings-control-"));
let files = 0;
const newFile = (): string => join(folder, `${files++}.db`);

afterAll(() => rm(folder, { recursive: true }));

describe("SqliteControl", () => {
  for (const { name, run } of controlChannelCases) {
    test(name, async () => {
      const make = () => {
        const broker = new SqliteBroker(newFile());
        return { channel: broker.control, [Symbol.asyncDispose]: () => broker.close() };
      };
      await expect(run(make)).resolves.toBeUndefined();
    });
  }

  test("hears what other processes say, and drops what is none", async () => {
    const file = newFile();
    await using broker = new SqliteBroker(file);
    const heard = Promise.withResolvers<string>();
    const leave = await broker.control.listen(({ method }) => heard.resolve(method));
    const other = new DatabaseSync(file);
    const say = other.prepare(
      "INSERT INTO tidings_control (inbox, body, headers, sent_at) VALUES ('', ?, ?, 0)",
    );
    for (const body of ["}{", "[1]", '{"method": 1}']) say.run(body, "}{");
    say.run('{"method": "ping"}', "{}");
    other.close();
    expect(await heard.promise).toBe("ping");
    leave();
  });

  test("keeps no more than a thousand messages", async () => {
    const file = newFile();
    await using broker = new SqliteBroker(file);
    const address = { ticket: "t", exchange: "", routingKey: "r" };
    const replies = Array.from({ length: 1_500 }, (_, value) => ({ worker: "w", value }));
    await Promise.all(replies.map((reply) => broker.control.reply(address, reply)));
    const other = new DatabaseSync(file);
    const row = other.prepare("SELECT count(*) AS kept FROM tidings_control").get();
    other.close();
    expect(row).toEqual({ kept: 1_000 });
  });
});

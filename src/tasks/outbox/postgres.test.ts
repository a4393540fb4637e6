import { EventEmitter } from "node:events";

import { expect, test } from "vitest";

import { PostgresOutbox, type PostgresClient } from "./postgres.ts";

/** A connection that was lost before it could listen. */
class LostConnection extends EventEmitter implements PostgresClient {
  async query(): Promise<never> {
    throw new Error("the connection is lost");
  }
}

test("an outbox that cannot listen leaves no listener behind", async () => {
  const listener = new LostConnection();
  const outbox = new PostgresOutbox(listener, { listener });
  await expect(outbox.listen?.(() => {})).rejects.toThrow("the connection is lost");
  expect(listener.listenerCount("notification")).toBe(0);
});

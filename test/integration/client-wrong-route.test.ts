import { consumer, feed, type Route } from "tidings";
import {
  connect,
  connectFeeds,
  follow,
  TRANSPORTS,
  type ClientConnection,
  type StatusChange,
} from "tidings/client";
import { describe, expect, onTestFinished, test } from "vitest";

import { serve, type TestServer } from "./serve.ts";

const list = feed({ path: "/list", snapshot: () => ["milk"] });
/** Says nothing of its own, so that only what carries it can tell what it is. */
const silent = consumer({ path: "/silent" });
const refusing = consumer({
  path: "/refusing",
  connect: (connection) => connection.reject(4401, "sign in first"),
});
const routes = (): { readonly routes: readonly Route[] } => ({ routes: [list, silent, refusing] });

const ways = [undefined, ...TRANSPORTS];
const NO_CONSUMER = "expected a consumer";
const NO_FEED = "expected a feed";

interface Connected {
  readonly connection: ClientConnection;
  readonly messages: unknown[];
  readonly closed: Promise<StatusChange>;
}

function connected(server: TestServer, path: string, transport: (typeof ways)[number]): Connected {
  const messages: unknown[] = [];
  const connection = connect(server.url + path, { transport });
  onTestFinished(() => connection.close());
  connection.onMessage((message) => messages.push(message));
  const { promise, resolve } = Promise.withResolvers<StatusChange>();
  connection.onStatus((change) => {
    if (change.status === "closed") resolve(change);
  });
  return { connection, messages, closed: promise };
}

describe("a client at the wrong kind of route", () => {
  test.each(ways)("of `connect` learns over %s that it is no consumer", async (transport) => {
    await using server = await serve(routes);
    const { connection, messages, closed } = connected(server, "/list", transport);
    const sent = connection.send("hello");
    await expect(sent).rejects.toMatchObject({
      code: "CLIENT_CLOSED",
      message: `the connection is closed: ${NO_CONSUMER}; the message was not sent`,
    });
    expect(await closed).toMatchObject({ reason: NO_CONSUMER });
    expect(messages).toEqual([]);
  });

  test.each(ways)("of `follow` learns over %s that it is no feed", async (transport) => {
    await using server = await serve(routes);
    for (const cursor of [undefined, "of.7"]) {
      const statuses: StatusChange[] = [];
      const events = follow(`${server.url}/silent`, {
        transport,
        cursor,
        onStatus: (change) => statuses.push(change),
      });
      await expect(events.next()).rejects.toMatchObject({
        code: "CLIENT_PROTOCOL",
        message: NO_FEED,
      });
      expect(statuses.at(-1)).toMatchObject({ status: "closed", reason: NO_FEED });
    }
  });

  test.each(ways)("of `connectFeeds` learns over %s", async (transport) => {
    await using server = await serve(routes);
    const over = connectFeeds(`${server.url}/list`, { transport });
    const events = follow(`${server.url}/list`, { over });
    await expect(events.next()).rejects.toMatchObject({
      code: "CLIENT_PROTOCOL",
      message: NO_CONSUMER,
    });
  });
});

test.each(ways)("what a refused connection was to send says over %s why", async (transport) => {
  await using server = await serve(routes);
  const { connection, closed } = connected(server, "/refusing", transport);
  // It may have gone out between what the server calls the connection and its close.
  await expect(connection.send("hello")).rejects.toMatchObject({
    code: "CLIENT_CLOSED",
    message: expect.stringContaining("the connection is closed: 4401: sign in first; the "),
  });
  expect(await closed).toMatchObject({ code: 4401, reason: "sign in first" });
  await expect(connection.send("hello")).rejects.toMatchObject({
    code: "CLIENT_CLOSED",
    message: "the connection is closed: 4401: sign in first; the message was not sent",
  });
});

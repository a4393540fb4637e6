import { setImmediate as endOfTurn } from "node:timers/promises";

import { expect, onTestFinished, test } from "vitest";

import { silentLogger } from "../core/logger.ts";
import { MemoryLayer } from "../layers/index.ts";
import { TestConnection } from "../testing/index.ts";
import { ConsumerSession } from "./consumer-session.ts";
import { EventDispatch } from "./event-dispatch.ts";
import { feedConnection, type FeedConnectionOptions } from "./feed-connection.ts";
import { FeedSources } from "./feed-sources.ts";
import { feed } from "./feed.ts";
import type { FollowFeed } from "./follow-feed.ts";
import { RouteContext } from "./route-context.ts";

const board = feed({ path: "/board", group: "board", snapshot: () => "now" });

test("leaves a feed that the client leaves, and all of them when the connection ends", async () => {
  const { source, followFeed } = runBoard();
  const client = await open(followFeed);
  client.send({ type: "follow", feed: 1, url: "/board" });
  expect(await client.receive()).toMatchObject({ feed: 1, data: "now" });
  expect(await client.receive()).toEqual({ feed: 1, open: true });
  expect(source.isAlone).toBe(false);
  client.send({ type: "leave", feed: 1 });
  expect(source.isAlone).toBe(true);
  client.send({ type: "follow", feed: 2, url: "/board" });
  await client.receive();
  expect(source.isAlone).toBe(false);
  await client.disconnect(1006);
  expect(source.isAlone).toBe(true);
});

test("does not stay behind in a feed that is left while it is being joined", async () => {
  const { source, followFeed } = runBoard();
  const gate = Promise.withResolvers<void>();
  const client = await open(async (...asked) => {
    const leave = await followFeed(...asked);
    await gate.promise;
    return leave;
  });
  client.send({ type: "follow", feed: 1, url: "/board" });
  await client.receive();
  client.send({ type: "leave", feed: 1 });
  gate.resolve();
  await endOfTurn();
  expect(source.isAlone).toBe(true);
  await client.receiveNothing({ withinMs: 1 });
  await client.disconnect();
});

test("lets nobody ask for more at a time than may be followed", async () => {
  const { followFeed } = runBoard();
  const gate = Promise.withResolvers<void>();
  let asked = 0;
  const slow: FollowFeed = async (...all) => {
    asked += 1;
    await gate.promise;
    return await followFeed(...all);
  };
  const client = await open(slow, { maxFeeds: 2 });
  for (let name = 1; name <= 3; name++) {
    client.send({ type: "follow", feed: name, url: "/board" });
    client.send({ type: "leave", feed: name });
  }
  expect(await client.receive()).toMatchObject({ feed: 3, error: { code: "FEED_TOO_MANY" } });
  expect(asked).toBe(2);
  gate.resolve();
  await endOfTurn();
  client.send({ type: "follow", feed: 4, url: "/board" });
  expect(await client.receive()).toMatchObject({ feed: 4, data: "now" });
  await client.disconnect();
});

test("has no feeds without a server", async () => {
  const client = await open(undefined);
  client.send({ type: "follow", feed: 1, url: "/board" });
  expect(await client.receive()).toMatchObject({ feed: 1, status: 404 });
  await client.disconnect();
});

test.each([{ maxFeeds: 0 }, { maxFeeds: 1.5 }])("refuses %j", (options) => {
  expect(() => feedConnection(options)).toThrow(
    expect.objectContaining({ code: "OPTION_INVALID" }),
  );
});

test.each([
  [{ maxFeed: 5 }, '`feedConnection` has no option "maxFeed" (did you mean `maxFeeds`?)'],
  ["/feeds", "`feedConnection` takes an object of options, got a string"],
  [null, "`feedConnection` takes an object of options, got null"],
])("refuses %j, which programs without types may pass", (options, message) => {
  expect(() => Reflect.apply(feedConnection, undefined, [options])).toThrow(
    expect.objectContaining({ code: "OPTION_INVALID", message }),
  );
});

/** A feed that runs, and what follows it. */
function runBoard() {
  const layer = new MemoryLayer();
  const sources = new FeedSources({ getLayer: () => layer, logger: silentLogger });
  onTestFinished(() => sources.stop());
  const source = sources.get(board, {});
  const followFeed: FollowFeed = (_context, { cursor }, listener) =>
    source.follow(listener, cursor);
  return { source, followFeed };
}

async function open(
  followFeed: FollowFeed | undefined,
  options?: FeedConnectionOptions,
): Promise<TestConnection> {
  const definition = feedConnection(options);
  const request = new Request("http://localhost/feeds");
  return await TestConnection.open(
    (port) =>
      new ConsumerSession({
        definition,
        dispatch: new EventDispatch(definition, silentLogger),
        context: new RouteContext({ request, params: {}, isUpgrade: true, address: "::1" }),
        layer: new MemoryLayer(),
        logger: silentLogger,
        port,
        followFeed,
      }),
  );
}

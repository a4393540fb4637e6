import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";

import { CarriedFeed } from "./carried-feed.ts";
import { connectFeeds } from "./connect-feeds.ts";
import type { TransportName } from "./transports/transport-names.ts";

const OPEN = { status: "open", transport: "poll" } as const;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  onTestFinished(() => void vi.useRealTimers());
});

function makeFeed(): CarriedFeed {
  const options = {
    url: new URL("http://host/secret"),
    place: { cursor: undefined },
    signal: new AbortController().signal,
    maxBuffered: 10,
    opened() {},
    onChange() {},
    onTransport() {},
  };
  return new CarriedFeed(options, "poll");
}

function pass(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

test("a connection for feeds refuses a transport that there is not, before any feed is followed", () => {
  const transport: TransportName = JSON.parse('"pigeon"');
  expect(() => connectFeeds("http://host/feeds", { transport })).toThrow("pigeon");
});

describe("a feed that is refused for its credentials", () => {
  test("is refused, however late the answer comes, when they were presented just before", () => {
    const feed = makeFeed();
    const presentedAt = Date.now();
    feed.ask();
    pass(60_000);
    expect(feed.takeRenewal(presentedAt)).toBe(false);
  });

  test("is asked for once more with newer ones, and then refused", () => {
    const feed = makeFeed();
    const presentedAt = Date.now();
    pass(10_000);
    feed.ask();
    expect(feed.takeRenewal(presentedAt)).toBe(true);
    feed.forget();
    pass(10_000);
    feed.ask();
    expect(feed.takeRenewal(presentedAt)).toBe(false);
  });

  test("is asked for with newer ones each time that it had been let through", () => {
    const feed = makeFeed();
    for (let time = 0; time < 3; time++) {
      const presentedAt = Date.now();
      feed.forget();
      feed.ask();
      feed.take({ feed: 1, open: true }, OPEN);
      pass(10_000);
      expect(feed.takeRenewal(presentedAt)).toBe(true);
    }
  });
});

test("a feed that may be let through later is tried again, and told why", async () => {
  const feed = makeFeed();
  feed.ask();
  const error = { code: "REQUEST_TOO_MANY_CONNECTIONS", message: "too many" };
  const frame = { feed: 1, status: 429, error };
  feed.take(frame, OPEN);
  await expect(feed.frames().next()).rejects.toMatchObject({
    message: "too many",
    details: { code: 4429 },
  });
});

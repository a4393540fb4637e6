import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";

import { expect, onTestFinished, test, vi } from "vitest";

import { followShared } from "./follow-shared.ts";
import type { FollowedEvent } from "./follow.ts";

// Waits between attempts are random; these tests need no luck to be quick.
vi.spyOn(Math, "random").mockReturnValue(0.02);

/** A feed of numbers over server-sent events, which counts those who follow it. */
class NumberFeed {
  readonly #streams = new Set<ServerResponse>();
  #now = 0;
  url = "";
  /** The cursors that were come with. */
  readonly cursors: (string | null)[] = [];

  static async start(): Promise<NumberFeed> {
    const feed = new NumberFeed();
    const server = createServer((request, response) => {
      const cursor = new URL(request.url ?? "", feed.url).searchParams.get("cursor");
      feed.cursors.push(cursor);
      response.writeHead(200, { "content-type": "text/event-stream" }).write(": ok\n\n");
      for (let n = cursor === null ? feed.#now : Number(cursor) + 1; n <= feed.#now; n++) {
        response.write(`id: ${n}\ndata: ${n}\n\n`);
      }
      feed.#streams.add(response);
      response.on("close", () => feed.#streams.delete(response));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    });
    const address = server.address();
    if (typeof address !== "object" || address === null) throw new Error("not listening");
    feed.url = `http://127.0.0.1:${address.port}/`;
    return feed;
  }

  get followers(): number {
    return this.#streams.size;
  }

  tell(): void {
    this.#now += 1;
    for (const stream of this.#streams) stream.write(`id: ${this.#now}\ndata: ${this.#now}\n\n`);
  }
}

/** What one tab does. */
function openTab(feed: NumberFeed) {
  const abort = new AbortController();
  onTestFinished(() => abort.abort());
  const heard: (number | string)[] = [];
  const read = async (events: AsyncIterable<FollowedEvent>): Promise<void> => {
    for await (const { data, reset } of events) heard.push(reset ? "reset" : Number(data));
  };
  const options = { transport: "sse", signal: abort.signal } as const;
  const over = read(followShared(feed.url, options));
  return {
    heard,
    async close(): Promise<void> {
      abort.abort();
      await over;
    },
  };
}

test("options that cannot be are an error in every tab, the leading one or not", () => {
  for (const option of ['{"transport":"pigeon"}', '{"maxBuffered":0}']) {
    expect(() => followShared("http://127.0.0.1:1/", JSON.parse(option))).toThrow(
      expect.objectContaining({ code: "OPTION_INVALID" }),
    );
  }
});

test("several tabs have one connection, and the next goes on when the first closes", async () => {
  const feed = await NumberFeed.start();
  const first = openTab(feed);
  await expect.poll(() => first.heard).toEqual([0]);
  const second = openTab(feed);
  feed.tell();
  await expect.poll(() => second.heard.at(-1)).toBe(1);
  const late = openTab(feed);
  await expect.poll(() => late.heard.at(-1)).toBe(1);
  feed.tell();
  await expect.poll(() => late.heard.at(-1)).toBe(2);
  expect(feed.followers).toBe(1);
  await first.close();
  feed.tell();
  await expect.poll(() => [second.heard.at(-1), late.heard.at(-1)]).toEqual([3, 3]);
  feed.tell();
  await expect.poll(() => [second.heard.at(-1), late.heard.at(-1)]).toEqual([4, 4]);
  expect(feed.followers).toBe(1);
  expect(feed.cursors).toEqual([null, "2"]);
  expect(first.heard).toEqual([0, 1, 2]);
  expect(second.heard).toEqual([0, 1, 2, 3, 4]);
  expect(late.heard).toEqual([0, 1, 2, 3, 4]);
});

test("a tab that comes when the state is not known any more makes the leader follow anew", async () => {
  const feed = await NumberFeed.start();
  const first = openTab(feed);
  await expect.poll(() => first.heard).toEqual([0]);
  const second = openTab(feed);
  await expect.poll(() => second.heard).toEqual([0]);
  await first.close();
  // The second leads from a cursor on, and never heard what the state is there.
  feed.tell();
  await expect.poll(() => second.heard).toEqual([0, 1]);
  const late = openTab(feed);
  await expect.poll(() => late.heard).toEqual([1]);
  feed.tell();
  await expect
    .poll(() => [second.heard, late.heard])
    .toEqual([
      [0, 1, 2],
      [1, 2],
    ]);
});

test("without Web Locks each tab has a connection of its own", async () => {
  vi.stubGlobal("navigator", {});
  const feed = await NumberFeed.start();
  const tabs = [openTab(feed), openTab(feed)];
  await expect.poll(() => tabs.map(({ heard }) => heard)).toEqual([[0], [0]]);
  expect(feed.followers).toBe(2);
});

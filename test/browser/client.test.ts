import { gzipSync } from "node:zlib";

import type { Browser, Page } from "playwright-core";
import { consumer, feed, feedConnection, forward, refresh } from "tidings";
import type * as client from "tidings/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";

import { serve, type TestServer } from "../integration/serve.ts";
import { WeakLine } from "../integration/weak-line.ts";
import { launchBrowser } from "./browser.ts";
import { bundleClient, clientSite, loadedAtStart } from "./client-site.ts";

declare global {
  /** What the page has heard. */
  var heard: Record<string, (readonly string[])[]>;
  var room: client.ClientConnection;
}

const TRANSPORTS = ["websocket", "sse", "ndjson", "long-poll", "poll"] as const;
const MAX_GZIP_BYTES = 8 * 1024;
/** With what bundlers add when what is loaded later shares code with what is loaded at the start. */
const MAX_SPLIT_GZIP_BYTES = 8.75 * 1024;

let browser: Browser;
let site: (request: Request) => Response;
beforeAll(async () => {
  browser = await launchBrowser();
  site = await clientSite();
});
afterAll(() => browser.close());

/** What a page knows of the list: the type of what its events carry. */
interface List {
  readonly types?: { readonly data: readonly string[] };
}

function makeParts() {
  const items = ["first"];
  const list = feed({
    path: "/list",
    group: "list",
    snapshot: () => [...items],
    on: { "list.changed": refresh() },
  });
  const secret = feed({ path: "/secret", snapshot: () => 1, authorize: () => false });
  const chat = consumer({
    path: "/chat",
    receives: z.object({ text: z.string() }),
    events: { said: z.object({ text: z.string() }) },
    async connect(connection) {
      if (new URL(connection.request.url).searchParams.has("guest"))
        return connection.reject(4401, "sign in first");
      await connection.groupAdd("chat");
    },
    receive: (connection, { text }) => connection.groupSend("chat", { type: "said", text }),
    on: { said: forward() },
  });
  return {
    routes: [list, chat, secret],
    async add(server: TestServer, item: string): Promise<void> {
      items.push(item);
      await server.app.layer.groupSend("list", { type: "list.changed" });
    },
  };
}

async function openPage(server: TestServer): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(`${server.url}/`);
  await page.waitForFunction(() => "tidings" in globalThis);
  return page;
}

test("the client follows a feed over every transport in a browser, and comes back", async () => {
  const { routes, add } = makeParts();
  await using server = await serve(() => ({ routes, http: site }));
  const page = await openPage(server);
  await page.evaluate((transports) => {
    for (const transport of transports) {
      const heard: (readonly string[])[] = (globalThis.heard[transport] = []);
      void (async () => {
        for await (const { data } of tidings.follow<List>("/list", {
          transport,
          pollMs: 50,
        })) {
          heard.push(data);
        }
      })();
    }
  }, TRANSPORTS);
  const everyoneHeard = (count: number): Promise<unknown> =>
    page.waitForFunction(
      (length) => Object.values(heard).every((lists) => lists.at(-1)?.length === length),
      count,
    );
  await everyoneHeard(1);
  await add(server, "second");
  await everyoneHeard(2);
  await page.context().setOffline(true);
  await add(server, "third");
  await page.context().setOffline(false);
  await everyoneHeard(3);
  for (const transport of TRANSPORTS) {
    const lists = await page.evaluate((name) => heard[name], transport);
    expect(lists?.[0]).toEqual(["first"]);
    expect(lists?.at(-1)).toEqual(["first", "second", "third"]);
  }
  await page.close();
});

test("several tabs follow over one connection, and the next goes on when the first closes", async () => {
  const { routes, add } = makeParts();
  await using server = await serve(() => ({ routes, http: site }));
  const context = await browser.newContext();
  const openTab = async (): Promise<Page> => {
    const page = await context.newPage();
    await page.goto(`${server.url}/`);
    await page.waitForFunction(() => "tidings" in globalThis);
    await page.evaluate(() => {
      const lists: (readonly string[])[] = (heard["shared"] = []);
      void (async () => {
        for await (const { data } of tidings.followShared<List>("/list")) lists.push(data);
      })();
    });
    return page;
  };
  const heardBy = async (page: Page, length: number): Promise<void> => {
    await page.waitForFunction((count) => heard["shared"]?.at(-1)?.length === count, length);
  };
  const first = await openTab();
  await heardBy(first, 1);
  const second = await openTab();
  await heardBy(second, 1);
  await add(server, "second");
  await Promise.all([first, second].map((page) => heardBy(page, 2)));
  const late = await openTab();
  await heardBy(late, 2);
  await expect.poll(() => server.server.connectionCount).toBe(1);
  await first.close();
  await add(server, "third");
  await Promise.all([second, late].map((page) => heardBy(page, 3)));
  await expect.poll(() => server.server.connectionCount).toBe(1);
  const lists = await second.evaluate(() => heard["shared"]?.map(({ length }) => length));
  expect(lists).toEqual([1, 2, 3]);
  await context.close();
});

const FIVE = ["a", "b", "c", "d", "e"];

/** What a page knows of the numbers that it follows. */
interface Numbers {
  readonly types?: { readonly data: string };
}

function makeNumbers() {
  const numbers = feed({
    path: "/numbers/:name",
    group: ({ name }) => name,
    snapshot: () => "0",
    on: { number: forward(({ number }) => `${Number(number)}`) },
  });
  return {
    routes: [numbers, feedConnection()],
    async tell(server: TestServer, number: number): Promise<void> {
      for (const name of FIVE) await server.app.groupSend(name, { type: "number", number });
    },
  };
}

/** Waits until each of five feeds has brought these numbers, each once and in order. */
async function fiveHeard(page: Page, numbers: string): Promise<void> {
  await page.waitForFunction((all) => {
    const each = Object.values(heard).map((values) => values.flat().join(""));
    return each.length === 5 && each.every((text) => text === all);
  }, numbers);
}

test.each(["websocket", "sse"] as const)(
  "five feeds come over one connection of a browser, over %s, also after a cut",
  async (transport) => {
    const { routes, tell } = makeNumbers();
    await using server = await serve(() => ({ routes, http: site }));
    await using line = await WeakLine.to(server.server.port);
    const page = await browser.newPage();
    await page.goto(line.url);
    await page.waitForFunction(() => "tidings" in globalThis);
    await page.evaluate(
      ([names, over]) => {
        const connection = tidings.connectFeeds("/feeds", { transport: over });
        for (const name of names) {
          const values: (readonly string[])[] = (globalThis.heard[name] = []);
          void (async () => {
            const options = { over: connection };
            for await (const { data } of tidings.follow<Numbers>(`/numbers/${name}`, options)) {
              values.push([data]);
            }
          })();
        }
      },
      [FIVE, transport] as const,
    );
    await fiveHeard(page, "0");
    await tell(server, 1);
    await fiveHeard(page, "01");
    await expect.poll(() => server.server.connectionCount).toBe(1);
    line.isDeaf = true;
    await tell(server, 2);
    line.cut();
    await tell(server, 3);
    await fiveHeard(page, "0123");
    await tell(server, 4);
    await fiveHeard(page, "01234");
    await expect.poll(() => server.server.connectionCount).toBe(1);
    // The page's own, one that posted, and this one.
    await expect.poll(() => line.lines).toBeLessThanOrEqual(3);
    await page.close();
  },
);

test("one tab holds one connection for five feeds of all tabs", async () => {
  const { routes, tell } = makeNumbers();
  await using server = await serve(() => ({ routes, http: site }));
  const context = await browser.newContext();
  const openTab = async (): Promise<Page> => {
    const page = await context.newPage();
    await page.goto(server.url);
    await page.waitForFunction(() => "tidings" in globalThis);
    await page.evaluate((names) => {
      const over = tidings.connectFeeds();
      for (const name of names) {
        const values: (readonly string[])[] = (globalThis.heard[name] = []);
        void (async () => {
          const events = tidings.followShared<Numbers>(`/numbers/${name}`, { over });
          for await (const { data } of events) values.push([data]);
        })();
      }
    }, FIVE);
    await fiveHeard(page, "0");
    return page;
  };
  const first = await openTab();
  const second = await openTab();
  await tell(server, 1);
  await Promise.all([first, second].map((page) => fiveHeard(page, "01")));
  await expect.poll(() => server.server.connectionCount).toBe(1);
  await first.close();
  await tell(server, 2);
  await fiveHeard(second, "012");
  await expect.poll(() => server.server.connectionCount).toBe(1);
  await context.close();
});

test("the client talks with a consumer in a browser, and is told why it may not", async () => {
  const { routes } = makeParts();
  await using server = await serve(() => ({ routes, http: site }));
  const page = await openPage(server);
  const text = await page.evaluate(async () => {
    globalThis.room = tidings.connect("/chat");
    const said = new Promise((resolve) => room.on("said", (event) => resolve(event["text"])));
    await room.send({ text: "hello" });
    return await said;
  });
  expect(text).toBe("hello");
  const closing = await page.evaluate(
    () =>
      new Promise((resolve) => {
        tidings.connect("/chat?guest", {
          onStatus: (change) => {
            if (change.status === "closed") resolve(change);
          },
        });
      }),
  );
  expect(closing).toMatchObject({ status: "closed", code: 4401, reason: "sign in first" });
  const refused = await page.evaluate(async () => {
    try {
      return await tidings.follow("/secret").next();
    } catch (error) {
      return error instanceof Error ? error.message : error;
    }
  });
  expect(refused).toBe("sign in to follow this feed");
  await page.close();
});

test("the client is small, and brings no validator and no server with it", async () => {
  const source = `export { connect, follow } from "tidings/client";`;
  // In one file, with WebSocket and SSE; the rest is loaded when it is needed.
  const code = await bundleClient(source, /(?:rare|traffic-counter)\.ts$/);
  expect(gzippedLength(code)).toBeLessThan(MAX_GZIP_BYTES);
  // A bundler that splits leaves what a page's script shares with the rest in the file of the script;
  // only a module that exports them again is cut in two.
  const page = `import { connect, follow } from "tidings/client"; connect("/a"); follow("/b");`;
  const [script = "", ...others] = await loadedAtStart(page);
  expect(others).toEqual([]);
  expect(gzippedLength(script)).toBeLessThan(MAX_GZIP_BYTES);
  const files = await loadedAtStart(source);
  const length = files.reduce((sum, file) => sum + gzippedLength(file), 0);
  expect(length).toBeLessThan(MAX_SPLIT_GZIP_BYTES);
  expect(code).not.toMatch(/node:|standard-schema/);
});

function gzippedLength(code: string): number {
  return gzipSync(code, { level: 9 }).length;
}

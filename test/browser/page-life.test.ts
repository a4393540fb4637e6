import type { Browser, Page } from "playwright-core";
import { consumer, feed, forward } from "tidings";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";

import { serve, type TestServer } from "../integration/serve.ts";
import { Proxy } from "../torture/proxy.ts";
import { launchBrowser } from "./browser.ts";
import { clientSite } from "./client-site.ts";

declare global {
  /** What each client of the page was told, and what became of the page. */
  var life: { told: Record<string, unknown[]>; shows: boolean[] };
}

const WAYS = ["websocket", "sse", "long-poll"] as const;

let browser: Browser;
let site: (request: Request) => Response;
beforeAll(async () => {
  // Without it, a page that is left is gone.
  browser = await launchBrowser({ ignoreDefaultArgs: ["--disable-back-forward-cache"] });
  site = await clientSite();
});
afterAll(() => browser.close());

/** A feed and a consumer that tell numbers, which the server keeps; and how connections ended. */
function makeParts() {
  const ends: number[] = [];
  const numbers = { number: z.object({ n: z.number() }) };
  const tail = feed({
    path: "/tail",
    group: "numbers",
    history: true,
    snapshot: () => 0,
    on: { number: forward(({ n }) => n) },
  });
  const room = consumer({
    path: "/room",
    history: true,
    events: numbers,
    receives: z.string(),
    connect: (connection) => connection.groupAdd("numbers"),
    on: { number: (connection, { n }) => connection.send({ type: "number", n }) },
    disconnect: (_, { code }) => void ends.push(code),
  });
  return { routes: [tail, room], ends };
}

async function tell(server: TestServer, n: number): Promise<void> {
  await server.app.groupSend("numbers", { type: "number", n }, { history: true });
}

/** Opens a page that connects and follows over each of the ways. */
async function openPage(url: string): Promise<Page> {
  const page = await browser.newPage();
  await page.clock.install();
  await page.goto(url);
  await page.waitForFunction(() => "tidings" in globalThis);
  await page.evaluate((ways) => {
    globalThis.life = { told: {}, shows: [] };
    addEventListener("pageshow", ({ persisted }) => life.shows.push(persisted));
    for (const transport of ways) {
      const told: unknown[] = (life.told[`connect over ${transport}`] = []);
      const room = tidings.connect("/room", {
        transport,
        onReset: (reason) => told.push(reason),
        onStatus: ({ status }) => status === "open" && told.length === 0 && told.push(0),
      });
      room.on("number", ({ n }) => told.push(n));
      const followed: unknown[] = (life.told[`follow over ${transport}`] = []);
      void (async () => {
        for await (const { data, reset } of tidings.follow("/tail", { transport })) {
          followed.push(reset ?? data);
        }
      })();
    }
  }, WAYS);
  return page;
}

/**
 * Waits until everybody has been told a number, and returns what they were told.
 *
 * A browser may ask on a socket that it has kept, and that is dead: the client leaves it after 35 s.
 */
async function toldUpTo(page: Page, n: number): Promise<readonly (readonly unknown[])[]> {
  await page.waitForFunction(
    (last) => Object.values(life.told).every((told) => told.at(-1) === last),
    n,
    { timeout: 90_000 },
  );
  return await page.evaluate(() => Object.values(life.told));
}

test("a page that is left and come back to has missed nothing", async () => {
  const { routes } = makeParts();
  await using server = await serve(() => ({ routes, http: site }));
  const page = await openPage(server.url);
  await toldUpTo(page, 0);
  await tell(server, 1);
  await toldUpTo(page, 1);
  await page.goto(`${server.url}/elsewhere`);
  await tell(server, 2);
  await tell(server, 3);
  await page.goBack({ waitUntil: "commit" });
  const told = await toldUpTo(page, 3);
  expect(told).toEqual(Array.from({ length: 6 }, () => [0, 1, 2, 3]));
  expect(await page.evaluate(() => life.shows)).toEqual([true]);
  await tell(server, 4);
  await toldUpTo(page, 4);
  await page.close();
});

test("a page that is closed ends its connections, also those that are requests", async () => {
  const { routes, ends } = makeParts();
  await using server = await serve(() => ({ routes, http: site }));
  const page = await openPage(server.url);
  await toldUpTo(page, 0);
  await page.close({ runBeforeUnload: true });
  await expect.poll(() => ends).toEqual([1000, 1000, 1000]);
});

test("a machine that has slept leaves what is dead, and has missed nothing", async () => {
  const { routes } = makeParts();
  await using server = await serve(() => ({ routes, http: site }));
  await using line = await Proxy.start(server.server.port);
  const page = await openPage(`http://127.0.0.1:${line.port}`);
  await toldUpTo(page, 0);
  await tell(server, 1);
  await toldUpTo(page, 1);
  line.deafen();
  await tell(server, 2);
  await page.clock.fastForward("01:00:00");
  await tell(server, 3);
  expect(await toldUpTo(page, 3)).toEqual(Array.from({ length: 6 }, () => [0, 1, 2, 3]));
  await page.close();
}, 120_000);

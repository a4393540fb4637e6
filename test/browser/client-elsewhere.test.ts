import type { Browser, Page } from "playwright-core";
import { allowedOrigins, consumer, feed, use, type Middleware } from "tidings";
import type * as client from "tidings/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";

import { serve } from "../integration/serve.ts";
import { launchBrowser } from "./browser.ts";
import { clientSite } from "./client-site.ts";

const TRANSPORTS = ["websocket", "sse", "ndjson", "long-poll", "poll"] as const;

let browser: Browser;
let http: (request: Request) => Response;
beforeAll(async () => {
  browser = await launchBrowser();
  http = await clientSite();
});
afterAll(() => browser.close());

/** Lets in whoever brings the cookie. */
const byCookie: Middleware = ({ request }) =>
  request.headers.get("cookie") === "who=ada" ? undefined : new Response(null, { status: 401 });

const list = feed({ path: "/list", snapshot: () => ["first"] });
const secret = feed({ path: "/secret", snapshot: () => 1, authorize: () => false });
const double = consumer({
  path: "/double",
  receives: z.object({ n: z.number() }),
  replies: z.number(),
  receive: (_connection, { n }) => 2 * n,
});

/** What becomes of a page that follows, asks, and is refused over a transport. */
async function outcome(page: Page, url: string, transport: client.TransportName): Promise<unknown> {
  return await page.evaluate(
    async ([base, name]) => {
      const { connect, follow } = tidings;
      const how = { transport: name, pollMs: 50, token: () => "adas" } as const;
      const events = follow(`${base}/list`, how);
      const { value } = await events.next();
      // A browser has few connections for one server.
      await events.return();
      const room = connect(`${base}/double`, how);
      const answer: unknown = await room.request({ n: 4 });
      room.close();
      const refused: unknown = await follow(`${base}/secret`, how)
        .next()
        .catch(({ message }) => message);
      return [value, answer, refused];
    },
    [url, transport] as const,
  );
}

test("a page of another origin that is let in has every transport, with its cookies and its token (PROTOCOL.md 3.6)", async () => {
  await using pages = await serve(() => ({ routes: [], http }));
  const routes = [use([allowedOrigins([pages.url]), byCookie], [list, secret, double])];
  await using live = await serve(() => ({ routes }));
  const context = await browser.newContext();
  await context.addCookies([{ name: "who", value: "ada", url: live.url }]);
  const page = await context.newPage();
  await page.goto(pages.url);
  await page.waitForFunction(() => "tidings" in globalThis);
  const all = await Promise.all(TRANSPORTS.map((transport) => outcome(page, live.url, transport)));
  const good = [{ data: ["first"] }, 8, "sign in to follow this feed"];
  for (const each of all) expect(each).toMatchObject(good);
  // Another name of the same server is another origin, which is not let in.
  await page.goto(pages.url.replace("127.0.0.1", "localhost"));
  const read = page.evaluate(async (url) => (await fetch(url)).status, `${live.url}/list`);
  await expect(read).rejects.toThrow("Failed to fetch");
  await context.close();
});

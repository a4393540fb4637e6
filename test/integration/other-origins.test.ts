import { allowedOrigins, consumer, feed, httpConsumer, use, type Middleware } from "tidings";
import { expect, test } from "vitest";

import { serve } from "./serve.ts";

const ORIGIN = "https://app.example.com";

/** Lets in nobody who does not say so. */
const knocking: Middleware = ({ request }) =>
  new URL(request.url).searchParams.has("in") ? undefined : new Response(null, { status: 401 });
const failing: Middleware = () => {
  throw new Error("the store is away");
};

const status = httpConsumer({
  path: "/status",
  handle: () => new Response("well", { headers: { "cache-control": "public, max-age=60" } }),
});
const list = feed({ path: "/list", snapshot: () => ["first"] });
const room = consumer({ path: "/room" });
const broken = feed({ path: "/broken", snapshot: () => 1 });

async function start() {
  const first = allowedOrigins([ORIGIN]);
  return await serve(() => ({
    routes: [use([first, knocking], [status, list, room]), use([first, failing], [broken])],
  }));
}

test.each([
  ["/status?in", "*/*", 200],
  ["/list?in", "application/json", 200],
  ["/list?in", "text/event-stream", 200],
  ["/room?in", "*/*", 426],
  ["/status", "*/*", 401],
  ["/list", "text/event-stream", 401],
  ["/broken", "application/json", 500],
  ["/broken", "text/event-stream", 500],
])(
  "a page of another origin may read the answer, and caches keep it apart: %s as %s",
  async (path, accept, code) => {
    await using server = await start();
    for (const origin of [ORIGIN, undefined]) {
      const headers = { accept, ...(origin === undefined ? {} : { origin }) };
      const answer = await fetch(server.url + path, { headers });
      expect(answer.status).toBe(code);
      expect(answer.headers.get("access-control-allow-origin")).toBe(origin ?? null);
      expect(answer.headers.get("vary")).toMatch(/\borigin\b/);
      await answer.body?.cancel();
    }
  },
);

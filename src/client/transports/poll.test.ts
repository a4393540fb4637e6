import { once } from "node:events";
import { createServer } from "node:http";

import { expect, onTestFinished, test, vi } from "vitest";

import { follow } from "../follow.ts";

test("polls every 20 s while the page is hidden, and at once when it is shown again", async () => {
  let polls = 0;
  const server = createServer((_, response) => {
    polls += 1;
    const cursor = `${polls}`;
    response.end(JSON.stringify({ cursor, events: [{ cursor, data: polls }] }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("not listening");
  const page = new EventTarget();
  const document = { visibilityState: "hidden" };
  vi.stubGlobal("location", { href: `http://127.0.0.1:${address.port}/` });
  vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
  vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
  vi.stubGlobal("document", document);
  const waits = vi.spyOn(globalThis, "setTimeout");
  const events = follow("/", { transport: "poll", pollMs: 1 });
  onTestFinished(async () => void (await events.return()));
  expect((await events.next()).value).toMatchObject({ data: 1 });
  const second = events.next();
  await expect.poll(() => waits.mock.calls.map(([, ms]) => ms)).toContain(20_000);
  expect(polls).toBe(1);
  document.visibilityState = "visible";
  page.dispatchEvent(new Event("visibilitychange"));
  expect((await second).value).toMatchObject({ data: 2 });
  expect((await events.next()).value).toMatchObject({ data: 3 });
});

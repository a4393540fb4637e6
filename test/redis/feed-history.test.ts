import { feed, forward } from "tidings";
import { expect, test } from "vitest";

import { serve, type TestServer } from "../integration/serve.ts";
import { Socket } from "../integration/socket.ts";
import { openStream } from "../integration/stream.ts";
import { RedisServer } from "./redis-server.ts";

const numbers = feed({
  path: "/numbers",
  group: "numbers",
  history: true,
  snapshot: () => "now",
  on: { number: forward(({ n }) => n) },
});

interface Page {
  readonly cursor: string;
  readonly events: readonly { readonly cursor: string; readonly data: unknown }[];
}

test("a cursor of one server is good on another, and after both have been started again", async () => {
  await using redis = await RedisServer.start();
  const start = async () =>
    await serve(() => ({ routes: [numbers] }), {}, { drivers: { layer: redis.url } });
  const send = async ({ app }: TestServer, n: number): Promise<void> =>
    await app.groupSend("numbers", { type: "number", n }, { history: true });
  let first: Page;
  {
    await using one = await start();
    await using two = await start();
    first = await poll(one);
    expect(first.events).toEqual([{ cursor: first.cursor, data: "now" }]);
    await send(two, 1);
    await send(one, 2);
    await expect.poll(async () => (await poll(one, first.cursor)).events.length).toBe(2);
    await expect
      .poll(async () => await poll(two, first.cursor))
      .toEqual(await poll(one, first.cursor));
  }
  await using one = await start();
  await using two = await start();
  await send(two, 3);
  for (const server of [one, two]) {
    const { events, cursor } = await poll(server, first.cursor);
    expect(events.map(({ data }) => data)).toEqual([1, 2, 3]);
    expect(await poll(server, cursor)).toEqual({ cursor, events: [] });
  }
});

test("a client may change its delivery and its server in the middle of a feed", async () => {
  await using redis = await RedisServer.start();
  const start = async () =>
    await serve(() => ({ routes: [numbers] }), {}, { drivers: { layer: redis.url } });
  await using one = await start();
  await using two = await start();
  let n = 0;
  const send = async (): Promise<number> => {
    n += 1;
    await one.app.groupSend("numbers", { type: "number", n }, { history: true });
    return n;
  };
  let { cursor } = await poll(one);
  const followed: unknown[] = [];
  const take = (event: { readonly cursor: string; readonly data: unknown }): void => {
    followed.push(event.data);
    ({ cursor } = event);
  };
  for (const server of [two, one, two]) {
    await send();
    {
      await using socket = await Socket.open(`${server.webSocketUrl}/numbers?cursor=${cursor}`, [
        "tidings.v1",
      ]);
      take((await socket.next()) as Page["events"][number]);
    }
    await send();
    {
      const headers = { accept: "text/event-stream", "last-event-id": cursor };
      await using sse = await openStream(`${server.url}/numbers`, headers);
      await sse.until(": ok\n\n");
      const [, id = "", data = ""] = /id: (.+)\ndata: (.+)\n/.exec(await sse.until("\n\n")) ?? [];
      take({ cursor: id, data: JSON.parse(data) });
    }
    await send();
    {
      const headers = { accept: "application/x-ndjson" };
      await using lines = await openStream(`${server.url}/numbers?cursor=${cursor}`, headers);
      take(JSON.parse(await lines.until("}\n")) as Page["events"][number]);
    }
    const waiting = poll(server, cursor, { prefer: "wait=5" });
    await send();
    for (const event of (await waiting).events) take(event);
  }
  expect(followed).toEqual(Array.from({ length: n }, (_, index) => index + 1));
});

async function poll(
  { url }: TestServer,
  cursor?: string,
  headers: Record<string, string> = {},
): Promise<Page> {
  const query = cursor === undefined ? "" : `?cursor=${cursor}`;
  const response = await fetch(`${url}/numbers${query}`, { headers });
  expect(response.status).toBe(200);
  return (await response.json()) as Page;
}

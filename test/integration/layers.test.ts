import {
  application,
  consumer,
  createApp,
  createServer,
  feed,
  forward,
  httpConsumer,
} from "tidings";
import { expect, test } from "vitest";
import { z } from "zod";

import { Socket } from "./socket.ts";

const events = { said: z.object({ text: z.string() }) };

test("consumers and feeds use the layer that they name, and no other", async () => {
  await using app = createApp({ name: "test", broker: "memory:", layers: { quiet: "memory:" } });
  const define = (path: string, layer?: string) =>
    consumer({
      path,
      layer,
      events,
      connect: (connection) => connection.groupAdd("all"),
      on: { said: forward(({ text }: { readonly text: string }) => text) },
    });
  const tail = feed({
    path: "/tail",
    layer: "quiet",
    group: "all",
    snapshot: () => "now",
    on: { said: forward((event: object) => ("text" in event ? event.text : undefined)) },
  });
  const routes = [define("/loud"), define("/quiet", "quiet"), tail];
  await using server = createServer(application({ app, routes }), { port: 0 });
  await server.start();
  const url = `ws://127.0.0.1:${server.port}`;
  await using loud = await Socket.open(`${url}/loud`);
  await using quiet = await Socket.open(`${url}/quiet`);
  await using follower = await Socket.open(`${url}/tail`);
  expect(await follower.next()).toBe("now");
  await app.getLayer("quiet").groupSend("all", { type: "said", text: "psst" });
  await app.layer.groupSend("all", { type: "said", text: "HEY" });
  expect([await quiet.next(), await follower.next(), await loud.next()]).toEqual([
    "psst",
    "psst",
    "HEY",
  ]);
});

test("a definition that names an unknown layer is refused before anything runs", async () => {
  await using app = createApp({ name: "test", broker: "memory:", layers: { quiet: "memory:" } });
  const refused = "no layer is called `qiuet`; there are default, quiet";
  const handle = () => new Response();
  for (const route of [
    consumer({ path: "/x", layer: "qiuet" }),
    feed({ path: "/x", layer: "qiuet", snapshot: () => 0 }),
    httpConsumer({ path: "/x", layer: "qiuet", handle }),
  ]) {
    expect(() => application({ app, routes: [route] })).toThrow(refused);
  }
});

import { application, consumer, createApp, createServer, forward } from "tidings";
import { WebSocketServer } from "ws";
import { z } from "zod";

import { NO_HEARTBEAT_MS } from "../without-heartbeats.ts";
import { TEXT, toBroadcast } from "./fan-out-message.ts";

/**
 * One of the two servers under load, in a process of its own: every message that a client sends goes
 * to everybody. `tidings` through a consumer and a group, `ws` by `send` to each.
 */
const [, , kind] = process.argv;
process.send?.(kind === "tidings" ? await startTidings() : await startWs());

process.once("disconnect", () => process.exit());

async function startTidings(): Promise<number> {
  const everybody = consumer({
    path: "/",
    receives: z.object({ n: z.number() }),
    events: { said: z.object({ n: z.number(), text: z.string() }) },
    connect: (connection) => connection.groupAdd("everybody"),
    receive: (connection, { n }) =>
      connection.groupSend("everybody", { type: "said", n, text: TEXT }),
    on: { said: forward() },
  });
  const app = createApp({ name: "fan-out", broker: "memory:" });
  const server = createServer(application({ app, routes: [everybody] }), {
    port: 0,
    // The members are bare sockets, which do not answer a ping.
    limits: { heartbeatMs: NO_HEARTBEAT_MS },
  });
  await server.start();
  return server.port;
}

async function startWs(): Promise<number> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false });
  server.on("connection", (socket) => {
    socket.on("message", (data: Buffer) => {
      const { n }: { readonly n: number } = JSON.parse(data.toString());
      const text = toBroadcast(n);
      for (const client of server.clients) client.send(text);
    });
  });
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  return typeof address === "object" && address ? address.port : 0;
}

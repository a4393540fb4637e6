import { application, consumer, createApp, createServer, feed, forward } from "tidings";
import { z } from "zod";

import { NO_HEARTBEAT_MS } from "../../without-heartbeats.ts";
import { MARK, TEXT } from "../message.ts";
import type { ApplicationOptions } from "./options.ts";

const message = z.object({ n: z.number() });
const said = z.object({ n: z.number(), text: z.string() });
type Said = z.infer<typeof said>;

/** Ours: schemas for what comes in and for what a group brings, consumers, groups. */
export async function startTidings({ redisUrl }: ApplicationOptions): Promise<number> {
  const room = consumer({
    path: "/rooms/:room",
    receives: message,
    events: { said },
    connect: (connection) => connection.groupAdd(connection.params.room),
    receive: (connection, { n }) =>
      connection.groupSend(connection.params.room, { type: "said", n, text: TEXT }),
    on: { said: forward() },
  });
  const echo = consumer({
    path: "/echo",
    receives: said,
    receive: (connection, { n, text }) => connection.send({ n, text }),
  });
  const tail = feed({
    path: "/tails/:room",
    group: ({ room: name }) => name,
    snapshot: () => "now",
    on: { said: forward(({ n, text }) => ({ n, text, mark: MARK })) },
  });
  const ear = consumer({
    path: "/ears/:room",
    events: { said },
    async connect(connection) {
      await connection.groupAdd(connection.params.room);
      connection.send("now");
    },
    on: { said: forward(({ n, text }: Said) => ({ n, text, mark: MARK })) },
  });
  const app = createApp({ name: "bench", broker: "memory:", layer: redisUrl ?? "memory:" });
  const server = createServer(application({ app, routes: [room, tail, ear, echo] }), {
    port: 0,
    // The members are bare sockets, which do not answer a ping.
    limits: { heartbeatMs: NO_HEARTBEAT_MS },
  });
  await server.start();
  return server.port;
}

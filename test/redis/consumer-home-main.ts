// A server of its own, which dies of a signal: `node consumer-home-main.ts LAYER_URL`.
import { application, consumer, createApp, createServer, forward } from "tidings";
import { z } from "zod";

const said = z.object({ text: z.string() });
const room = consumer({
  path: "/room",
  receives: said,
  events: { said },
  connect: (connection) => connection.groupAdd("room"),
  receive: (connection, { text }) => connection.groupSend("room", { type: "said", text }),
  on: { said: forward() },
});
const app = createApp({ name: "home", broker: "memory:", layer: process.argv[2] });
const server = createServer(application({ app, routes: [room] }), { port: 0 });
await server.start();
process.stdout.write(`${server.url}\n`);

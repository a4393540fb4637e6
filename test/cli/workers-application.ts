import { existsSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

import { application, backgroundConsumer, consumer, createApp, feed, forward } from "tidings";
import { z } from "zod";

// What keeps it from starting, now and then.
const { LOAD_MS, BROKEN_FILE = "" } = process.env;
if (LOAD_MS !== undefined) {
  await setTimeout(Number(LOAD_MS));
  throw new Error("no database");
}
if (existsSync(BROKEN_FILE)) throw new Error("broken by the last release");

const app = createApp({
  name: "workers",
  broker: "memory:",
  layer: process.env["LAYER_URL"] ?? "memory:",
  layers: { side: "memory:" },
  presence: { graceMs: 50 },
});
app.presence.onChange(({ kind, group, count }) => {
  process.stdout.write(`${kind} ${group}, which has ${count}\n`);
});
const said = z.object({ text: z.string(), from: z.number() });

export default application({
  app,
  routes: [
    consumer({
      path: "/room",
      receives: z.object({ text: z.string() }),
      events: { said },
      connect: (connection) => connection.groupAdd("room"),
      async receive(connection, { text }) {
        await connection.groupSend("room", { type: "said", text, from: process.pid });
      },
      on: {
        said: (connection, { text, from }) => connection.send({ text, from, heardBy: process.pid }),
      },
    }),
    consumer({
      path: "/present",
      async connect(connection) {
        await app.presence.track(connection, "hall");
        connection.send(process.pid);
      },
    }),
    feed({
      path: "/log",
      group: "log",
      history: true,
      snapshot: () => "now",
      on: { line: forward(({ n }) => n) },
    }),
  ],
  channels: {
    jobs: backgroundConsumer({
      events: { job: z.object({ n: z.number() }) },
      on: {
        async job(_context, { n }) {
          process.stdout.write(`job ${n} in ${process.pid}\n`);
          // It takes its time, so that the workers have to share.
          await setTimeout(20);
        },
      },
    }),
  },
  async http(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/hang") await new Promise(() => {});
    if (pathname === "/exit") process.exit(3);
    if (pathname === "/jobs") {
      for (let n = 0; n < 10; n++) await app.layer.send("jobs", { type: "job", n });
    }
    if (pathname === "/hall") {
      const { count } = await app.presence.read("hall");
      return Response.json([process.pid, count]);
    }
    if (pathname.startsWith("/log/")) {
      const n = Number(pathname.slice("/log/".length));
      await app.groupSend("log", { type: "line", n }, { history: true });
    }
    return Response.json(process.pid);
  },
});

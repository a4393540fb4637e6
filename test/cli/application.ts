import { application, consumer, createApp, feed } from "tidings";

const app = createApp({
  name: "fixture",
  ...(process.env["BROKER_URL"] ? { broker: process.env["BROKER_URL"] } : {}),
});

app.task("fixture.add", (x: number, y: number) => x + y);

export default application({
  app,
  http: async (request) => {
    if (new URL(request.url).pathname === "/hang") await new Promise(() => {});
    return new Response("fixture");
  },
  routes: [consumer({ path: "/ws/chat" }), feed({ path: "/clock", snapshot: () => 0 })],
});

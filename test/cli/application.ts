import { application, consumer, createApp, feed } from "tidings";

const app = createApp({
  name: "fixture",
  ...(process.env["BROKER_URL"] ? { broker: process.env["BROKER_URL"] } : {}),
});

/** What a test asks this application to do wrong. */
const fault = process.env["FIXTURE_FAULT"];
if (fault === "timer") setInterval(() => {}, 1_000);
if (fault === "slow-load" && process.connected) {
  process.stdout.write("loading\n");
  await new Promise((resolve) => process.once("disconnect", resolve));
}

app.task("fixture.add", (x: number, y: number) => x + y);

export default application({
  app,
  http: async (request) => {
    // What an application may well forget to clear.
    if (new URL(request.url).pathname === "/timer") setInterval(() => {}, 60_000);
    if (new URL(request.url).pathname === "/hang") await new Promise(() => {});
    return new Response("fixture");
  },
  routes: [consumer({ path: "/ws/chat" }), feed({ path: "/clock", snapshot: () => 0 })],
  async tasks() {
    if (fault === "tasks") throw new Error("the tasks are broken");
  },
});

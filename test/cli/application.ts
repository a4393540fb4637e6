import { application, consumer, createApp, feed, under } from "tidings";

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
    const { pathname } = new URL(request.url);
    // What an application may well forget to clear.
    if (pathname === "/timer") setInterval(() => {}, 60_000);
    if (pathname === "/hang") await new Promise(() => {});
    if (pathname === "/url") return new Response(request.url);
    return new Response("fixture", { status: pathname === "/healthz" ? 404 : 200 });
  },
  routes: [
    consumer({ path: "/ws/chat" }),
    under("/site", [feed({ path: "/clock", snapshot: () => 0 })]),
  ],
  async tasks() {
    if (fault === "tasks") throw new Error("the tasks are broken");
  },
});

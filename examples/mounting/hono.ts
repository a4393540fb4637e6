import { once } from "node:events";

import { serve, type HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { Hono } from "hono";
import { mount } from "tidings";

import { live } from "./live.ts";

const mounted = mount(live, { prefix: "/live" });

const site = new Hono<{ Bindings: HttpBindings }>();
site.use(async ({ env: { incoming, outgoing } }, next) => {
  outgoing.setHeader("x-site", "Hono");
  if (mounted.handle(incoming, outgoing)) return RESPONSE_ALREADY_SENT;
  return await next();
});
site.get("/", (context) => context.text("a page of Hono"));

const port = Number(process.env["PORT"] ?? 3000);
const server = serve({ fetch: site.fetch, port, hostname: "127.0.0.1" }, () => {
  console.log("listening", server.address());
});
mounted.attach(server);

await once(process, "SIGTERM");
await mounted.stop({ signal: AbortSignal.timeout(10_000) });
server.close();

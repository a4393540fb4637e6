import { once } from "node:events";

import { fastify } from "fastify";
import { mount } from "tidings";

import { live } from "./live.ts";

const mounted = mount(live, { prefix: "/live" });

const site = fastify();
site.addHook("onRequest", async (_request, reply) => void reply.raw.setHeader("x-site", "Fastify"));
site.addHook("onRequest", async (request, reply) => {
  if (mounted.handle(request.raw, reply.raw)) reply.hijack();
});
site.addHook("preClose", () => mounted.stop({ signal: AbortSignal.timeout(10_000) }));
site.get("/", async () => "a page of Fastify");

mounted.attach(site.server);
await site.listen({ port: Number(process.env["PORT"] ?? 3000), host: "127.0.0.1" });
console.log("listening", site.server.address());

await once(process, "SIGTERM");
await site.close();

import { once } from "node:events";
import { createServer } from "node:http";

import { mount } from "tidings";

import { live } from "./live.ts";

const mounted = mount(live, { prefix: "/live" });

const server = createServer((request, response) => {
  response.setHeader("x-site", "node:http");
  if (mounted.handle(request, response)) return;
  response.statusCode = request.url === "/" ? 200 : 404;
  response.end(request.url === "/" ? "a page of node:http" : "node:http has no such page");
});
mounted.attach(server);
server.listen(Number(process.env["PORT"] ?? 3000), "127.0.0.1", () => {
  console.log("listening", server.address());
});

await once(process, "SIGTERM");
await mounted.stop({ signal: AbortSignal.timeout(10_000) });
server.close();

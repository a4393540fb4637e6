import { once } from "node:events";

import express from "express";
import { mount } from "tidings";

import { live } from "./live.ts";

const mounted = mount(live, { prefix: "/live" });

const site = express();
site.use((_request, response, next) => {
  response.setHeader("x-site", "Express");
  next();
});
site.use(mounted.middleware);
site.use(express.json()); // what reads bodies comes after it
site.get("/", (_request, response) => void response.send("a page of Express"));

const server = site.listen(Number(process.env["PORT"] ?? 3000), "127.0.0.1", () => {
  console.log("listening", server.address());
});
mounted.attach(server);

await once(process, "SIGTERM");
await mounted.stop({ signal: AbortSignal.timeout(10_000) });
server.close();

// A server of its own, which dies of a signal: `node numbers-main.ts REDIS_URL PORT`.
import { application, createApp, createServer } from "tidings";

import { ROUTES } from "./numbers.ts";

const [, , layer, port] = process.argv;
const app = createApp({ name: "numbers", broker: "memory:", layer });
const server = createServer(application({ app, routes: ROUTES }), {
  port: Number(port),
});
await server.start();
process.stdout.write(`${server.url}\n`);

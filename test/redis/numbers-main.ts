// A server of its own, which dies of a signal: `node numbers-main.ts REDIS_URL PORT`.
import { application, createApp, createServer, feedConnection } from "tidings";

import { counting, numbers } from "./numbers.ts";

const [, , layer, port] = process.argv;
const app = createApp({ name: "numbers", broker: "memory:", layer });
const server = createServer(application({ app, routes: [numbers, counting, feedConnection()] }), {
  port: Number(port),
});
await server.start();
process.stdout.write(`${server.url}\n`);

import { once } from "node:events";
import { createServer } from "node:net";

/**
 * A port of this machine that nobody listens on now.
 *
 * It is below those that the system gives to connections: a server that is killed and comes back finds
 * it free, and who tries to connect meanwhile cannot be connected to itself. Of the files that run at
 * the same time each has ports of its own, and none is named twice before all were.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    next = (next + 1) % COUNT;
    const port = FIRST + POOL * COUNT + next;
    if (await isFree(port)) return port;
  }
}

/** Linux gives 32,768 and above to connections; a Redis Cluster also needs the port 10,000 above its own. */
const FIRST = 10_000;
const COUNT = 1_000;
const POOL = Number(process.env["VITEST_POOL_ID"] ?? 0) % 10;

let next = Math.floor(Math.random() * COUNT);

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  server.once("listening", () => resolve(true)).once("error", () => resolve(false));
  server.listen(port, "127.0.0.1");
  if (!(await promise)) return false;
  server.close();
  await once(server, "close");
  return true;
}

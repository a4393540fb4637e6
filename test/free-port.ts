import { once } from "node:events";
import { createServer } from "node:net";

/**
 * A port of this machine that nobody listens on now.
 *
 * It is below those that the system gives to connections: a server that is killed and comes back finds
 * it free, and who tries to connect meanwhile cannot be connected to itself.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (await isFree(port)) return port;
  }
}

/** Linux gives 32,768 and above to connections; a Redis Cluster also needs the port 10,000 above its own. */
const FIRST = 10_000;
const COUNT = 10_000;

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

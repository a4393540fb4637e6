import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/** Systems give 32,768 and above to connections that go out, and those below 10,000 have owners by custom. */
const FIRST = 10_000;
const END = 32_768;
const TRIES = 100;

/**
 * Finds a free port of an address: workers that ask for any each take another one.
 *
 * No outgoing connection gets such a port: it is still free when all workers have died and listen
 * again. Returns 0 when there is none; the worker that then tries says what is wrong with the address.
 */
export async function findFreePort(host: string): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = randomInt(FIRST, END);
    const failure = await tryToListen(host, port);
    if (failure === undefined) return port;
    if (failure !== "EADDRINUSE") return 0;
  }
  return 0;
}

/** Listens for a moment; returns the code of what went wrong. */
async function tryToListen(host: string, port: number): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const server = createServer()
    .once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    .listen({ host, port }, () => server.close(() => resolve(undefined)));
  return await promise;
}

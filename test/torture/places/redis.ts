import { RedisServer } from "../../redis/redis-server.ts";
import { Proxy } from "../proxy.ts";
import type { Place } from "./place.ts";
import { serverFaults } from "./server-faults.ts";

/** Tasks in a Redis that keeps what it has answered for, behind a proxy. */
export async function startRedisPlace(): Promise<Place> {
  const server = await RedisServer.start(["--appendonly", "yes", "--appendfsync", "always"]);
  const proxy = await Proxy.start(server.port);
  const url = `redis://127.0.0.1:${proxy.port}`;
  return {
    name: "redis",
    broker: url,
    results: url,
    directBroker: server.url,
    directResults: server.url,
    leaseEndsWithConnection: false,
    leavesCopies: false,
    faults: serverFaults({ server, proxy, maxDeafMs: 8_000 }),
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

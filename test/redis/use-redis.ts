import { afterAll, beforeEach } from "vitest";

import { openRedis, type Redis } from "../../src/redis/index.ts";
import { RedisServer } from "./redis-server.ts";

/** Starts a Redis for the tests of one file, with nothing in it before each of them. */
export async function useRedis(): Promise<{
  readonly server: RedisServer;
  readonly redis: Redis;
}> {
  const server = await RedisServer.start();
  const redis = openRedis(server.url);
  beforeEach(() => redis.command(["FLUSHALL"]));
  afterAll(async () => {
    await redis.close();
    await server[Symbol.asyncDispose]();
  });
  return { server, redis };
}

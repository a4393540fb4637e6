import { afterAll, beforeAll } from "vitest";

import { describeWithCelery } from "../celery/describe-with-celery.ts";
import { RedisServer } from "../redis/redis-server.ts";
import { RabbitServer } from "./rabbit-server.ts";

let server: RabbitServer;

beforeAll(async () => {
  server = await RabbitServer.start();
});

afterAll(() => server[Symbol.asyncDispose]());

describeWithCelery("RabbitMQ, with results in rpc://", async () => ({
  broker: server.url,
  results: "rpc://",
  async [Symbol.asyncDispose]() {
    // Results are in no place of their own.
  },
}));

describeWithCelery("RabbitMQ, with results in Redis", async () => {
  const redis = await RedisServer.start();
  return {
    broker: server.url,
    results: redis.url,
    [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose](),
  };
});

import { RedisServer } from "../redis/redis-server.ts";
import { describeWithCelery } from "./describe-with-celery.ts";

describeWithCelery("Redis", async () => {
  const server = await RedisServer.start();
  return {
    broker: server.url,
    results: server.url,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
});

import { describeWithCelery } from "../celery/describe-with-celery.ts";
import { RedisServer } from "../redis/redis-server.ts";
import { RabbitServer } from "./rabbit-server.ts";

describeWithCelery("on RabbitMQ, with results in rpc://", async () => {
  const server = await RabbitServer.start();
  return {
    broker: server.url,
    results: "rpc://",
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
});

describeWithCelery("on RabbitMQ, with results in Redis", async () => {
  const [server, redis] = await Promise.all([RabbitServer.start(), RedisServer.start()]);
  return {
    broker: server.url,
    results: redis.url,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
    },
  };
});

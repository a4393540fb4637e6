import { setTimeout as delay } from "node:timers/promises";

import { RabbitServer } from "../../amqp/rabbit-server.ts";
import { RedisServer } from "../../redis/redis-server.ts";
import { Proxy } from "../proxy.ts";
import type { Place } from "./place.ts";

/** Tasks in RabbitMQ, behind a proxy, with records and limits in a Redis that nothing happens to. */
export async function startAmqpPlace(): Promise<Place> {
  const server = await RabbitServer.start();
  const results = await RedisServer.start();
  const proxy = await Proxy.start(server.port);
  return {
    name: "amqp",
    broker: `amqp://127.0.0.1:${proxy.port}`,
    results: results.url,
    directBroker: server.url,
    directResults: results.url,
    leaseEndsWithConnection: true,
    // To put a message back is to publish it anew and then to acknowledge the old one, which is not one step.
    leavesCopies: true,
    faults: [
      {
        name: "connections cut",
        run: async () => proxy.cut(),
      },
      {
        name: "connections deaf",
        async run(random) {
          proxy.freeze();
          await delay(random.between(500, 15_000));
          proxy.thaw();
        },
      },
      {
        name: "broker restarted",
        async run(random) {
          await server.kill();
          await delay(random.between(0, 2_000));
          await server.start();
        },
      },
    ],
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await results[Symbol.asyncDispose]();
    },
  };
}

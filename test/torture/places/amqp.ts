import { createTasks } from "../../../src/tasks/index.ts";
import { RabbitServer } from "../../amqp/rabbit-server.ts";
import { RedisServer } from "../../redis/redis-server.ts";
import { Proxy } from "../proxy.ts";
import type { Place } from "./place.ts";
import { serverFaults } from "./server-faults.ts";

/** Tasks in RabbitMQ, behind a proxy, with records and limits in a Redis that nothing happens to. */
export async function startAmqpPlace(): Promise<Place> {
  const server = await RabbitServer.start();
  const results = await RedisServer.start();
  const proxy = await Proxy.start(server.port);
  await declareLevels(server.url, results.url);
  return {
    name: "amqp",
    broker: `amqp://127.0.0.1:${proxy.port}`,
    results: results.url,
    directBroker: server.url,
    directResults: results.url,
    leaseEndsWithConnection: true,
    // To put a message back is to publish it anew and then to acknowledge the old one, which is not one step: who is
    // harmed in between leaves both.
    leavesCopies: true,
    faults: serverFaults({ server, proxy, maxDeafMs: 15_000 }),
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await results[Symbol.asyncDispose]();
    },
  };
}

/** What is killed within the second in which the first task is delayed has to be repaired by hand. */
async function declareLevels(broker: string, results: string): Promise<void> {
  await using tasks = createTasks({ broker, results });
  await tasks.sendTask("torture.work", [1], { countdownMs: 5_000 });
}

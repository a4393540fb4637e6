import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { AmqpBroker, type Broker } from "../../src/tasks/index.ts";
import { brokerCases } from "../../src/testing/index.ts";
import { RabbitServer } from "./rabbit-server.ts";

let server: RabbitServer;

beforeAll(async () => {
  server = await RabbitServer.start();
});

afterAll(() => server[Symbol.asyncDispose]());

describe("AmqpBroker", () => {
  for (const { name, run } of brokerCases.filter(({ movesClock }) => !movesClock)) {
    test(name, async () => {
      const make = async (): Promise<Broker> => {
        const broker = new AmqpBroker(server.url, { maxPriority: 9 });
        for (const queue of ["celery", "mail", "other", "nobody's"])
          await broker.contents.purge(queue);
        return broker;
      };
      await expect(run(make)).resolves.toBeUndefined();
    });
  }
});

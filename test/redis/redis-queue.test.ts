import { randomUUID } from "node:crypto";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { RedisQueueLayer, type RedisQueueLayerOptions } from "../../src/layers/redis-queue.ts";
import { openRedis } from "../../src/redis/index.ts";
import { layerCasesFor, type LayerDriver } from "../../src/testing/cases/layer.ts";
import { RedisServer } from "./redis-server.ts";

let server: RedisServer;

beforeAll(async () => {
  server = await RedisServer.start();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

interface TestOptions extends RedisQueueLayerOptions {
  /** How many hosts there are: the databases of one server. @default 1 */
  readonly hostCount?: 1 | 2;
}

function open({ hostCount = 1, ...options }: TestOptions = {}): RedisQueueLayer {
  const first = openRedis(server.url);
  return new RedisQueueLayer(hostCount === 1 ? [first] : [first, openRedis(`${server.url}/1`)], {
    prefix: newPrefix(),
    ...options,
  });
}

/** No prefix of a test begins with that of another. */
function newPrefix(): string {
  return `test-${randomUUID()}-`;
}

describe.each<[string, () => TestOptions]>([
  ["msgpack", () => ({})],
  ["json", () => ({ serializerFormat: "json" })],
  ["encrypted", () => ({ symmetricEncryptionKeys: ["first", "second"] })],
  ["two hosts", () => ({ hostCount: 2 })],
])("RedisQueueLayer, %s", (what, options) => {
  const driver: LayerDriver = {
    make: (given) => open({ ...options(), ...given }),
    channelName: /^specific\.t[0-9a-f]{31}![0-9a-f]{32}$/,
    // Redis refuses what exceeds the capacity; what a listener refuses stays in Redis.
    lacks: what === "json" ? ["bytes", "refuse-full"] : ["refuse-full"],
  };
  for (const { name, run } of layerCasesFor(driver)) {
    test(name, () => expect(run(driver)).resolves.toBeUndefined());
  }
});

import { randomUUID } from "node:crypto";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { RedisQueueLayer, type RedisQueueLayerOptions } from "../../src/layers/redis-queue.ts";
import { openRedis, type Redis } from "../../src/redis/index.ts";
import { layerCasesFor, type LayerDriver } from "../../src/testing/cases/layer.ts";
import { RedisServer } from "./redis-server.ts";

let server: RedisServer;
let hosts: readonly Redis[];

beforeAll(async () => {
  server = await RedisServer.start();
  hosts = [openRedis(server.url), openRedis(`${server.url}/1`)];
});

afterAll(async () => {
  await Promise.all(hosts.map((host) => host.close()));
  await server[Symbol.asyncDispose]();
});

function open(options: RedisQueueLayerOptions = {}): RedisQueueLayer {
  return new RedisQueueLayer({ hosts: hosts.slice(0, 1), prefix: newPrefix(), ...options });
}

/** No prefix of a test begins with that of another. */
function newPrefix(): string {
  return `test-${randomUUID()}-`;
}

describe.each<[string, () => RedisQueueLayerOptions]>([
  ["msgpack", () => ({})],
  ["json", () => ({ serializerFormat: "json" })],
  ["encrypted", () => ({ symmetricEncryptionKeys: ["first", "second"] })],
  ["two hosts", () => ({ hosts })],
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

import { randomUUID } from "node:crypto";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { RedisHistory } from "../../src/history/index.ts";
import { openLayer, RedisQueueLayer } from "../../src/layers/index.ts";
import { openRedis } from "../../src/redis/index.ts";
import { historyCases } from "../../src/testing/cases/history.ts";
import { layerCasesFor, type LayerDriver } from "../../src/testing/cases/layer.ts";
import { RedisCluster } from "./redis-cluster.ts";

let cluster: RedisCluster;

beforeAll(async () => {
  cluster = await RedisCluster.start();
});

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

describe("RedisHistory on a cluster", () => {
  for (const { name, run } of historyCases) {
    test(name, async () => {
      const prefix = `test-${randomUUID()}:`;
      const open = () => new RedisHistory(openRedis(cluster.url), { prefix });
      await expect(run(open)).resolves.toBeUndefined();
    });
  }
});

describe("RedisQueueLayer on a cluster", () => {
  const driver: LayerDriver = {
    make: (options = {}) => {
      const prefix = `test-${randomUUID()}-`;
      if (options.now) {
        return new RedisQueueLayer([openRedis(cluster.url)], { prefix, ...options });
      }
      const url = cluster.url.replace("redis+cluster:", "redis+queue+cluster:");
      return openLayer({ url, prefix, ...options });
    },
    channelName: /^specific\.t[0-9a-f]{31}![0-9a-f]{32}$/,
    lacks: ["refuse-full"],
  };
  for (const { name, run } of layerCasesFor(driver)) {
    test(name, () => expect(run(driver)).resolves.toBeUndefined());
  }

  test("finds what a flush has to drop on every node", async () => {
    await using layer = await driver.make();
    const groups = Array.from({ length: 32 }, (_, index) => `room-${index}`);
    const channel = await layer.newChannel();
    for (const group of groups) await layer.groupAdd(group, channel);
    await layer.flush();
    for (const group of groups) await layer.groupSend(group, { type: "t", group });
    await layer.send(channel, { type: "last" });
    expect(await layer.receive(channel)).toEqual({ type: "last" });
  });
});

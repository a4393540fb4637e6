import { describe, expect, test } from "vitest";

import { openTaskRedis } from "../../src/tasks/celery-redis/task-redis.ts";
import { RedisBroker, RedisResults } from "../../src/tasks/index.ts";
import { RedisLimits } from "../../src/tasks/limits/redis.ts";
import { brokerCases } from "../../src/testing/cases/broker.ts";
import { chordsCases } from "../../src/testing/cases/chords.ts";
import { controlChannelCases } from "../../src/testing/cases/control-channel.ts";
import { deadLettersCases } from "../../src/testing/cases/dead-letters.ts";
import { limitsCases } from "../../src/testing/cases/limits.ts";
import { resultsCases } from "../../src/testing/cases/results.ts";
import { useRedis } from "../redis/use-redis.ts";

const { server, redis } = await useRedis();

describe("RedisBroker", () => {
  for (const { name, run } of brokerCases) {
    test(name, async () => {
      await expect(run((options) => new RedisBroker(server.url, options))).resolves.toBeUndefined();
    });
  }
});

describe("RedisDeadLetters", () => {
  for (const { name, run } of deadLettersCases) {
    test(name, async () => {
      await expect(run((options) => new RedisBroker(server.url, options))).resolves.toBeUndefined();
    });
  }
});

describe("RedisControl", () => {
  for (const { name, run } of controlChannelCases) {
    test(name, async () => {
      const make = () => {
        const broker = new RedisBroker(server.url);
        return { channel: broker.control, [Symbol.asyncDispose]: () => broker.close() };
      };
      await expect(run(make)).resolves.toBeUndefined();
      expect(await redis.command(["KEYS", "*"])).toEqual([]);
    });
  }
});

describe("RedisResults", () => {
  for (const { name, run } of [...resultsCases, ...chordsCases]) {
    test(name, async () => {
      await expect(run(() => new RedisResults(server.url))).resolves.toBeUndefined();
    });
  }
});

describe("RedisLimits", () => {
  for (const { name, run } of limitsCases) {
    test(name, async () => {
      const place = openTaskRedis(server.url);
      await expect(run(({ now }) => new RedisLimits(place, now))).resolves.toBeUndefined();
      await place.close();
    });
  }
});

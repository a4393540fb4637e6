import { setTimeout as delay } from "node:timers/promises";

import { Redis } from "ioredis";
import { createApp } from "tidings";

import { nameOfRun, type NumberedMessage } from "./message.ts";

/** How many messages to send in one run, and how far apart. */
export interface PublishOrder {
  readonly run: string;
  readonly messages: number;
  readonly intervalMs: number;
}

/** The process that sends, whatever happens to the servers. */
const [, , kind, redisUrl = ""] = process.argv;
const publish = kind === "tidings" ? publishWithTidings() : publishToRedis();
/** Enough for the longest time that anybody is away here. */
const BOUNDS = { size: 1_000, ageMs: 60_000 };

process.once("disconnect", () => process.exit());
process.on("message", (order: PublishOrder) => {
  void publishAll(order).then(() => process.send?.("done"));
});
process.send?.("ready");

async function publishAll({ run, messages, intervalMs }: PublishOrder): Promise<void> {
  const startedAt = performance.now();
  for (let n = 1; n <= messages; n++) {
    await publish(nameOfRun(run), { n, at: Date.now() });
    await delay(Math.max(0, startedAt + n * intervalMs - performance.now()));
  }
}

type Publish = (group: string, message: NumberedMessage) => Promise<unknown>;

function publishWithTidings(): Publish {
  const app = createApp({ name: "bench", broker: "memory:", layer: redisUrl });
  return async (group, message) =>
    await app.groupSend(group, { type: "number", ...message }, { history: BOUNDS });
}

function publishToRedis(): Publish {
  const redis = new Redis(redisUrl);
  return async (channel, message) => await redis.publish(channel, JSON.stringify(message));
}

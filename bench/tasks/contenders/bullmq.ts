import { Queue, QueueEvents, Worker } from "bullmq";

import { answerOrders, residentBytes } from "../answer-orders.ts";
import { inWindow, MANY, rateOf, timesOf } from "../orders.ts";

const { hostname: host, port } = new URL(process.argv[2] ?? "");
const connection = { host, port: Number(port) };
const queue = new Queue("bench", { connection });
const many = Array.from({ length: MANY }, () => ({ name: "noop", data: {} }));
let events: QueueEvents | undefined;

await answerOrders(async (order) => {
  switch (order.do) {
    case "send":
      return await rateOf(order.count, () =>
        inWindow(order.count, order.window, () => queue.add("noop", {})),
      );
    case "send-many":
      return await rateOf(order.count, () =>
        inWindow(order.count / MANY, 1, () => queue.addBulk(many)),
      );
    case "round-trips": {
      const heard = (events ??= new QueueEvents("bench", { connection }));
      await heard.waitUntilReady();
      return await timesOf(order.count, async () =>
        (await queue.add("noop", {})).waitUntilFinished(heard),
      );
    }
    case "work":
      await new Worker("bench", async () => null, {
        connection,
        concurrency: order.concurrency,
      }).waitUntilReady();
      return null;
    case "memory":
      return residentBytes();
  }
});

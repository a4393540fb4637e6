import { createTasks } from "../../../src/tasks/index.ts";
import { answerOrders, residentBytes } from "../answer-orders.ts";
import { inWindow, MANY, rateOf, timesOf } from "../orders.ts";

const url = process.argv[2] ?? "";
const tasks = createTasks({ broker: url, results: process.argv[3] ?? url });
const noop = tasks.task("bench.noop", async () => null);
const many = Array.from({ length: MANY }, (): [] => []);

await answerOrders(async (order) => {
  switch (order.do) {
    case "send":
      return await rateOf(order.count, () =>
        inWindow(order.count, order.window, () => noop.delay()),
      );
    case "send-many":
      return await rateOf(order.count, () =>
        inWindow(order.count / MANY, 1, () => noop.applyMany(many)),
      );
    case "round-trips":
      return await timesOf(order.count, async () => await (await noop.delay()).get());
    case "work":
      return await tasks.createWorker({ concurrency: order.concurrency }).start();
    case "memory":
      return residentBytes();
  }
});

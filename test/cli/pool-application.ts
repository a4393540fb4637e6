import { setTimeout as delay } from "node:timers/promises";

import { application, createApp, currentTask } from "tidings";

const app = createApp({ name: "pools", broker: process.env["BROKER_URL"] ?? "" });

app.task("pools.pid", () => process.pid);
app.task("pools.slow", async (ms: number) => {
  await currentTask().log("begun");
  await delay(ms);
  return currentTask().runs;
});
app.task("pools.block", async (ms: number) => {
  await currentTask().log("begun");
  const until = performance.now() + ms;
  while (performance.now() < until);
  return currentTask().runs;
});

app.task("pools.forget", async () => {
  void Promise.reject(new RangeError("forgotten"));
  await delay(1);
  return currentTask().runs;
});
app.task("pools.throw", async () => {
  setTimeout(() => {
    throw new RangeError("thrown later");
  });
  await delay(60_000);
});

export default application({ app });

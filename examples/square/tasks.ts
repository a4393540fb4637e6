import { setTimeout as wait } from "node:timers/promises";
import { Worker } from "node:worker_threads";

import { currentTask } from "tidings";

import { app } from "./app.ts";
import { listTopics } from "./topics.ts";

const STEPS = [
  "collect the notes of the board",
  "check the spelling",
  "choose a headline",
  "set the type",
  "draw the weather",
  "lay out two pages",
  "print",
  "fold and stack",
];

/** A long job of many steps. */
export const printPaper = app.task("square.print-paper", async () => {
  const task = currentTask();
  for (const [done, step] of STEPS.entries()) {
    await task.progress({ done, total: STEPS.length, message: step });
    await task.log(step);
    await wait(2_500, undefined, { signal: task.signal });
  }
  await task.progress({ done: STEPS.length, total: STEPS.length });
  return `Printed with ${listTopics().length} notes from the board`;
});

const LIMIT = 20_000_000;

/** A job that needs a whole core: it gets a thread, so that the worker's own loop stays free. */
export const countPrimes = app.task("square.count-primes", async () => {
  const task = currentTask();
  await task.log(`counting the primes below ${LIMIT.toLocaleString("en")}`);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const thread = new Worker(new URL("primes-thread.ts", import.meta.url), { workerData: LIMIT });
  const stop = (): void => reject(task.signal.reason);
  task.signal.addEventListener("abort", stop, { once: true });
  thread.on("error", reject);
  thread.on("message", ({ count, done }: { readonly count: number; readonly done: number }) => {
    void task.progress({ done, total: LIMIT, message: `${count.toLocaleString("en")} primes` });
    if (done === LIMIT) resolve(count);
  });
  try {
    return `There are ${(await promise).toLocaleString("en")} primes below ${LIMIT.toLocaleString("en")}`;
  } finally {
    task.signal.removeEventListener("abort", stop);
    await thread.terminate();
  }
});

/** A job that fails twice, and is tried again. */
export const deliverLetter = app.task(
  "square.deliver-letter",
  { maxRetries: 4, retryBackoff: { baseMs: 2_000, jitter: false } },
  async () => {
    const task = currentTask();
    const attempt = task.retries + 1;
    await task.progress({ done: task.retries, total: 3, message: `attempt ${attempt}` });
    await task.log(`walk to the door, attempt ${attempt}`);
    await wait(1_000, undefined, { signal: task.signal });
    if (task.retries < 2) throw new Error("nobody at home");
    await task.progress({ done: 3, total: 3 });
    return `Delivered at attempt ${attempt}`;
  },
);

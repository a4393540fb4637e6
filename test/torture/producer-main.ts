import { setTimeout as delay } from "node:timers/promises";

import { toError } from "../../src/core/errors.ts";
import { createTasks, type SendTaskOptions } from "../../src/tasks/index.ts";
import { Journal } from "./journal.ts";
import { Random } from "./random.ts";
import { LIMITED } from "./settings.ts";

/** Sends tasks of all kinds until it is told to stop: arguments are URLs, folder, name, seed, and tasks per second. */
const [, , broker = "", results = "", folder = "", name = "", seed = "", rate = ""] = process.argv;
const journal = new Journal(folder, name);
const tasks = createTasks({ broker, results });
const random = new Random(Number(seed));
const pauseMs = 1_000 / Number(rate);
/** Sends that wait for an answer: a broker that is away must not make a heap of them. */
const MAX_UNDER_WAY = 200;
let underWay = 0;
let count = 0;

process.once("SIGTERM", () => process.exit());
process.send?.("ready");
for (;;) {
  if (underWay < MAX_UNDER_WAY) void send();
  await delay(pauseMs * 2 * random.next());
}

async function send(): Promise<void> {
  const { task, args, options } = choose();
  const id = `${name}.${count++}`;
  underWay++;
  try {
    const sent = await tasks.sendTask(task, args, { ...options, taskId: id });
    journal.write({ kind: "accepted", id, task });
    if (random.next() < 0.03) await sent.cancel();
  } catch (error) {
    // Not accepted, as far as this producer knows: it may run, and need not.
    process.send?.(toError(error).message);
  } finally {
    underWay--;
  }
}

interface Choice {
  readonly task: string;
  readonly args: readonly unknown[];
  readonly options: SendTaskOptions;
}

function choose(): Choice {
  const workMs = random.next() < 0.8 ? random.between(0, 60) : random.between(500, 9_000);
  const options = random.next() < 0.2 ? { countdownMs: random.between(1, 5_000) } : {};
  const dice = random.next();
  if (dice < 0.15) {
    return { task: "torture.flaky", args: [workMs, random.between(1, 3)], options };
  }
  if (dice < 0.2) return { task: "torture.failing", args: [workMs], options };
  if (dice < 0.3) {
    const key = `k${random.between(1, LIMITED.keys)}`;
    return { task: LIMITED.task, args: [key, random.between(0, 200)], options };
  }
  return { task: "torture.work", args: [workMs], options };
}

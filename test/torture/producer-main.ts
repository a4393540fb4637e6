import { setTimeout as delay } from "node:timers/promises";

import { toError } from "../../src/core/errors.ts";
import { createTasks, type SendTaskOptions } from "../../src/tasks/index.ts";
import { Journal } from "./journal.ts";
import { Random } from "./random.ts";
import { KEYS, LIMITED, UNIQUE } from "./settings.ts";

/** Sends tasks of all kinds until it is told to stop: arguments are URLs, folder, name, seed, and tasks per second. */
const [, , broker = "", results = "", folder = "", name = "", seed = "", rate = ""] = process.argv;
const journal = new Journal(folder, name);
const tasks = createTasks({ broker, results });
// What is unique is so where it is sent.
for (const { task, options } of [LIMITED, UNIQUE]) tasks.task(task, options, () => undefined);
const random = new Random(Number(seed));
// A call that may have arrived is not sent again: a copy of it would run beside it.
const pauseMs = 1_000 / Number(rate);
/** Sends that wait for an answer: a broker that is away must not make a heap of them. */
const MAX_UNDER_WAY = 200;
let underWay = 0;
let count = 0;

process.once("SIGTERM", () => process.exit());
process.once("disconnect", () => process.exit());
process.send?.("ready");
for (;;) {
  if (underWay < MAX_UNDER_WAY) void send();
  await delay(pauseMs * 2 * random.next());
}

async function send(): Promise<void> {
  const { task, args, options } = choose();
  // Whose call is one too many is told the id of the one before.
  const taskId = task === UNIQUE.task ? undefined : `${name}.${count++}`;
  underWay++;
  try {
    const sent = await tasks.sendTask(task, args, { ...options, taskId, publishRetry: false });
    journal.write({ kind: "accepted", id: sent.id, task });
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
  const key = `k${random.between(1, KEYS)}`;
  if (dice < 0.25) return { task: LIMITED.task, args: [key, random.between(0, 400)], options };
  if (dice < 0.3) return { task: UNIQUE.task, args: [key, random.between(0, 400)], options };
  return { task: "torture.work", args: [workMs], options };
}

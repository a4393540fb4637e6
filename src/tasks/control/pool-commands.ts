import { readCount } from "./command-arguments.ts";
import type { ControlCommand } from "./controlled-worker.ts";
import { errorAnswer } from "./error-answer.ts";

/** Nobody has a pool grow by more than this at a time, or scale further. */
const MAX_SIZE = 1_000;

/** Has more tasks run at the same time. */
export const growPool: ControlCommand = (worker, { n }) => {
  const count = readCount("n", n, MAX_SIZE) ?? 1;
  if (worker.autoscale()) return scalesItself("pool_grow");
  worker.grow(count);
  return { ok: "pool will grow" };
};

/** Has fewer tasks run at the same time; refused where none would be left, with Celery's kind of error. */
export const shrinkPool: ControlCommand = (worker, { n }) => {
  const count = readCount("n", n, MAX_SIZE) ?? 1;
  if (worker.autoscale()) return scalesItself("pool_shrink");
  const { size } = worker.pool;
  if (count >= size) {
    const tasks = size === 1 ? "1 task" : `${size} tasks`;
    return errorAnswer("ValueError", `the pool has room for ${tasks}, and keeps room for 1`);
  }
  worker.shrink(count);
  return { ok: "pool will shrink" };
};

/** Changes the bounds between which a worker decides itself how many tasks run. */
export const changeAutoscale: ControlCommand = (worker, args) => {
  const bounds = worker.autoscale();
  if (!bounds) return errorAnswer("ValueError", "Autoscale not enabled");
  const max = readCount("max", args["max"], MAX_SIZE) ?? bounds.max;
  const min = readCount("min", args["min"], MAX_SIZE) ?? bounds.min;
  worker.setAutoscale({ max, min });
  return { ok: `autoscale now max=${max} min=${min}` };
};

/** Refused, as by Celery's workers unless they were told otherwise: whoever runs ours starts them anew. */
export const restartPool: ControlCommand = () =>
  errorAnswer("ValueError", "Pool restarts not enabled");

function scalesItself(method: string) {
  return { error: `${method} is not supported with autoscale. Adjust autoscale range instead.` };
}

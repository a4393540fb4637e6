import { expect, test } from "vitest";

import { createTasks } from "../tasks.ts";
import type { WorkerOptions } from "./worker-options.ts";

test.each([
  [{ queues: [] }, "OPTION_INVALID", "expected `queues` to be at least one name"],
  [{ queues: [" "] }, "APP_INVALID_DEFINITION", "expected a queue of a worker to be text"],
  [{ concurrency: 0 }, "OPTION_INVALID", "expected `concurrency` to be a positive integer"],
  [{ prefetchMultiplier: 0 }, "OPTION_INVALID", "expected `prefetchMultiplier`"],
  [{ leaseMs: 0.5 }, "OPTION_INVALID", "expected `leaseMs` to be a positive integer"],
  [{ maxDeliveries: 0 }, "OPTION_INVALID", "expected `maxDeliveries` to be a positive integer"],
  [
    { concurrency: 3, autoscale: { min: 1, max: 4 } },
    "OPTION_INVALID",
    "expected `concurrency` to be absent when `autoscale` is given",
  ],
] satisfies (readonly [WorkerOptions, string, string])[])(
  "a worker refuses %j",
  (options, code, message) => {
    const tasks = createTasks({ broker: "memory:", results: "memory:" });
    expect(() => tasks.createWorker(options)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    );
  },
);

import { expect, test } from "vitest";

import { createTasks } from "../tasks/index.ts";
import { HealthServer } from "./health-server.ts";

test("a worker's health that cannot be told where it is to be says so", async () => {
  await using tasks = createTasks({ broker: "memory:", results: "memory:" });
  const subject = { worker: tasks.createWorker(), queues: tasks.queues };
  // An address for documentation, which no machine has.
  const options = { healthPort: 0, healthHost: "203.0.113.9" };
  await expect(HealthServer.start(subject, options)).rejects.toMatchObject({
    code: "OPTION_INVALID",
    message:
      "cannot listen on 203.0.113.9:0 (EADDRNOTAVAIL); choose another --health-host or --health-port",
  });
});

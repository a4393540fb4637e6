import { expect, test } from "vitest";

import { openBroker } from "./open-broker.ts";

test.each([
  ["redis://127.0.0.1:1/0", {}],
  ["redis://127.0.0.1:1/0", { keyPrefix: "shop:" }],
  ["amqp://127.0.0.1:1", {}],
])(
  "a broker that refuses connections says so long before what waits for it fails: %s",
  async (url, settings) => {
    await using broker = openBroker(url, settings);
    const taken = broker.take({ queues: ["celery"], limit: 1, leaseMs: 1_000 });
    const failed = taken.catch((error: unknown) => error);
    await expect.poll(() => broker.trouble?.message, { timeout: 2_000 }).toContain("ECONNREFUSED");
    expect(broker.trouble).toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    await broker.close();
    expect(await failed).toMatchObject({ code: "STORAGE_UNAVAILABLE" });
  },
);

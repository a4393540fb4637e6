import { expect, test } from "vitest";

import { findFreePort } from "./find-free-port.ts";

test("a free port is none that the system gives to outgoing connections", async () => {
  for (let n = 0; n < 20; n++) {
    const port = await findFreePort("127.0.0.1");
    expect(port).toBeGreaterThanOrEqual(10_000);
    expect(port).toBeLessThan(32_768);
  }
});

test("an address that is not of this machine has no free port", async () => {
  expect(await findFreePort("192.0.2.1")).toBe(0);
});

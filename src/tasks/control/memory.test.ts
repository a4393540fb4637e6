import { describe, expect, test } from "vitest";

import { controlChannelCases } from "../../testing/cases/control-channel.ts";
import { MemoryControl } from "./memory.ts";

describe("MemoryControl", () => {
  for (const { name, run } of controlChannelCases) {
    test(name, async () => {
      const make = () => ({ channel: new MemoryControl(), [Symbol.asyncDispose]: async () => {} });
      await expect(run(make)).resolves.toBeUndefined();
    });
  }
});

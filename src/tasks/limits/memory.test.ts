import { describe, expect, test } from "vitest";

import { limitsCases } from "../../testing/cases/limits.ts";
import { MemoryLimits } from "./memory.ts";

describe("MemoryLimits", () => {
  for (const { name, run } of limitsCases) {
    test(name, () => expect(run((options) => new MemoryLimits(options))).resolves.toBeUndefined());
  }
});

import { describe, expect, test } from "vitest";

import { deadLettersCases } from "../../testing/cases/dead-letters.ts";
import { MemoryBroker } from "../brokers/memory.ts";

describe("MemoryDeadLetters", () => {
  for (const { name, run } of deadLettersCases) {
    test(name, () => expect(run((options) => new MemoryBroker(options))).resolves.toBeUndefined());
  }
});

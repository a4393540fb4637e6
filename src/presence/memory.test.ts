import { expect, test } from "vitest";

import { presenceCases } from "../testing/index.ts";
import { MemoryPresence } from "./memory.ts";

for (const { name, run } of presenceCases) {
  test(`the presence in memory ${name}`, async () => {
    const place = { open: () => new MemoryPresence(), isShared: false };
    await expect(run(place)).resolves.toBeUndefined();
  });
}

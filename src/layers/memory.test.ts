import { describe, expect, test } from "vitest";

import { layerCasesFor, type LayerDriver } from "../testing/cases/layer.ts";
import { MemoryLayer } from "./memory.ts";

const driver: LayerDriver = {
  make: (options) => new MemoryLayer(options),
  channelName: /^specific\.memory![\da-f]{32}$/,
};

describe("MemoryLayer", () => {
  for (const { name, run } of layerCasesFor(driver)) {
    test(name, () => expect(run(driver)).resolves.toBeUndefined());
  }

  test("hands every member of a group the same frozen object", async () => {
    const layer = new MemoryLayer();
    const heard: object[] = [];
    for (const channel of ["one", "two"]) {
      layer.listen(channel, (message) => heard.push(message) > 0);
      await layer.groupAdd("room", channel);
    }
    await layer.groupSend("room", { type: "t", deep: { list: [1] } });
    expect(heard[0]).toBe(heard[1]);
    expect(Object.isFrozen((heard[0] as { deep: object }).deep)).toBe(true);
  });

  test("refuses options that make no sense", () => {
    expect(() => new MemoryLayer({ capacity: 0 })).toThrow(
      "expected `capacity` to be a positive integer",
    );
    expect(() => new MemoryLayer({ expiryMs: -1 })).toThrow("expected `expiryMs`");
  });
});

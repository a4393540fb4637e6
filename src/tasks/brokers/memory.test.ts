import { describe, expect, test } from "vitest";

import { brokerCases, brokerSearchCases } from "../../testing/cases/broker.ts";
import { encodeMessage } from "../message/encode.ts";
import { MemoryBroker } from "./memory.ts";

describe("MemoryBroker", () => {
  for (const { name, run } of [...brokerCases, ...brokerSearchCases]) {
    test(name, () => expect(run((options) => new MemoryBroker(options))).resolves.toBeUndefined());
  }

  test("refuses more messages than its capacity", async () => {
    const broker = new MemoryBroker({ capacity: 1 });
    await broker.publish("celery", encodeMessage({ id: "one", task: "t" }));
    await expect(broker.publish("celery", encodeMessage({ id: "two", task: "t" }))).rejects.toThrow(
      "holds its 1 messages",
    );
  });
});

import { describe, expect, test } from "vitest";

import { createSignal } from "./signal.ts";

describe("createSignal", () => {
  test("calls every receiver in order and waits for all of them", async () => {
    const saved = createSignal<{ readonly id: number }>("saved");
    const heard: string[] = [];
    saved.connect(({ id }) => heard.push(`first ${id}`));
    saved.connect(async ({ id }) => {
      await Promise.resolve();
      heard.push(`second ${id}`);
    });
    await saved.send({ id: 1 });
    expect(heard).toEqual(["first 1", "second 1"]);
  });

  test("calls a receiver once, and no more after it is disconnected", async () => {
    const saved = createSignal<number>("saved");
    const heard: number[] = [];
    const receiver = (payload: number): unknown => heard.push(payload);
    saved.connect(receiver);
    const disconnect = saved.connect(receiver);
    await saved.send(1);
    disconnect();
    saved.disconnect(receiver);
    await saved.send(2);
    expect(heard).toEqual([1]);
  });

  test("runs every receiver even when one throws, and then says how many failed", async () => {
    const saved = createSignal<null>("saved");
    let ran = 0;
    saved.connect(() => {
      throw new Error("first");
    });
    saved.connect(() => (ran += 1));
    saved.connect(() => Promise.reject(new Error("third")));
    await expect(saved.send(null)).rejects.toMatchObject({
      code: "RECEIVER_FAILED",
      message: "2 of 3 receivers of signal `saved` failed",
      cause: { errors: [{ message: "first" }, { message: "third" }] },
    });
    expect(ran).toBe(1);
  });
});

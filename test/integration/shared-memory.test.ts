import { SharedMemoryHub } from "tidings/layers";
import { expect, test } from "vitest";

import { LayerProcess } from "./layer-process.ts";

/** Waits until an answer is as it should be, for at most twenty seconds. */
async function until<T>(ask: () => Promise<T>, isGood: (answer: T) => boolean): Promise<T> {
  const limit = Date.now() + 20_000;
  for (;;) {
    const answer = await ask();
    if (isGood(answer)) return answer;
    if (Date.now() > limit) throw new Error(`still ${JSON.stringify(answer).slice(0, 500)}`);
  }
}

function upTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, n) => n);
}

const numbers = (messages: readonly { readonly n: number }[]): readonly number[] =>
  messages.map(({ n }) => n);

test("brings a group's messages to members in several processes: once, in order, as one object", async () => {
  const hub = new SharedMemoryHub();
  await using one = new LayerProcess(hub);
  await using two = new LayerProcess(hub);
  await using three = new LayerProcess(hub);
  await Promise.all([one.ask("member", ["room"]), two.ask("member", ["room"])]);
  await two.ask("member", ["room"]);
  await three.ask("member", ["elsewhere"]);
  await one.ask("flood", ["room", "100"], { type: "t" });
  expect(numbers(await one.heard())).toEqual(upTo(100));
  await until(
    () => two.heard(),
    ({ length }) => length === 200,
  );
  expect(numbers(await two.heard())).toEqual(upTo(100).flatMap((n) => [n, n]));
  expect(await two.ask("objects")).toBe(100);
  expect(await three.heard()).toEqual([]);
});

test("hears no more of a process that is killed, and takes in its successor", async () => {
  const hub = new SharedMemoryHub();
  await using one = new LayerProcess(hub);
  await using two = new LayerProcess(hub);
  const channel = String(await two.ask("member", ["room"]));
  await one.ask("member", ["room"]);
  // It waits for work, which must not go to the dead.
  void two.ask("receive", ["jobs"]);
  await two.ask("incidents");
  await two.kill();
  await one.ask("send", [channel], { type: "t" });
  expect(await one.ask("incidents")).toMatchObject({ dropped: 1 });
  await one.ask("send", ["jobs"], { type: "t", n: 1 });
  expect(await one.ask("receive", ["jobs"])).toEqual({ type: "t", n: 1 });
  await using successor = new LayerProcess(hub);
  await successor.ask("member", ["room"]);
  await one.ask("groupSend", ["room"], { type: "t", n: 2 });
  expect(
    await until(
      () => successor.heard(),
      ({ length }) => length === 1,
    ),
  ).toEqual([{ type: "t", n: 2 }]);
  expect(await one.ask("incidents")).toMatchObject({ dropped: 1 });
});

test("bounds what waits for a process that stands still, and tells what it misses", async () => {
  const maxOutboxBytes = 1024 * 1024;
  const hub = new SharedMemoryHub({ maxOutboxBytes });
  await using one = new LayerProcess(hub);
  await using still = new LayerProcess(hub);
  await using lively = new LayerProcess(hub);
  for (const each of [still, lively]) await each.ask("member", ["room"]);
  still.signal("SIGSTOP");
  const text = "x".repeat(10_000);
  let sent = 0;
  const incidents = () => one.ask("incidents") as Promise<{ readonly dropped: number }>;
  // In portions that the lively one can take.
  while (sent < 400) {
    for (let portion = 0; portion < 40; portion++) {
      await one.ask("groupSend", ["room"], { type: "t", n: sent++, text });
    }
    await until(
      () => lively.heard(),
      ({ length }) => length === sent,
    );
  }
  await until(incidents, ({ dropped }) => dropped > 0);
  expect(hub.waitingBytes).toBeGreaterThan(maxOutboxBytes / 2);
  expect(hub.waitingBytes).toBeLessThanOrEqual(maxOutboxBytes);
  still.signal("SIGCONT");
  await until(
    () => still.ask("incidents") as Promise<{ readonly gap: number }>,
    ({ gap }) => gap === 1,
  );
  await one.ask("groupSend", ["room"], { type: "t", n: sent });
  const heard = await until(
    () => still.heard(),
    (messages) => messages.at(-1)?.n === sent,
  );
  await until(incidents, ({ dropped }) => dropped === sent + 1 - heard.length);
  expect(numbers(heard)).toEqual(numbers(heard).toSorted((left, right) => left - right));
  expect(hub.waitingBytes).toBe(0);
});

test("does not wait for ever for a process that stands still to take a message", async () => {
  const hub = new SharedMemoryHub({ answerTimeoutMs: 100 });
  await using one = new LayerProcess(hub);
  await using still = new LayerProcess(hub);
  const channel = String(await still.ask("newChannel"));
  still.signal("SIGSTOP");
  await expect(one.ask("send", [channel], { type: "t" })).rejects.toThrow("LAYER_CHANNEL_FULL");
});

import assert from "node:assert/strict";

import type { ChannelLayer, LayerMessage, LayerOptions } from "../../layers/index.ts";

/** What a layer under test is made with: small bounds, and a clock that the case moves. */
export interface LayerCaseOptions extends LayerOptions {
  /** The time in milliseconds. */
  readonly now?: (() => number) | undefined;
}

/** Makes the layer under test. */
export type MakeLayer = (options?: LayerCaseOptions) => ChannelLayer | Promise<ChannelLayer>;

/** One sentence of the contract, and how to see that it holds. */
export interface LayerCase {
  readonly name: string;
  readonly run: (make: MakeLayer) => Promise<void>;
}

/**
 * The contract of {@link ChannelLayer}, case by case, free of any test runner.
 *
 * @example
 * for (const { name, run } of layerCases) test(name, () => run(() => new MyLayer()));
 */
export const layerCases: readonly LayerCase[] = [
  {
    name: "hands a message to the receiver of its channel, equal to what was sent",
    async run(make) {
      await using layer = await make();
      const message = { type: "a.b", text: "é 🙂", list: [1, 2.5, null, true], deep: { n: -3 } };
      await layer.send("jobs", message);
      assert.deepEqual(await layer.receive("jobs"), message);
    },
  },
  {
    name: "carries 64-bit integers and bytes, and leaves out undefined fields",
    async run(make) {
      await using layer = await make();
      const bytes = Uint8Array.of(0, 1, 255);
      await layer.send("jobs", { type: "t", big: 2n ** 62n, bytes, nothing: undefined });
      const received = await layer.receive("jobs");
      assert.deepEqual({ ...received }, { type: "t", big: 2n ** 62n, bytes });
    },
  },
  {
    name: "keeps the order of one sender",
    async run(make) {
      await using layer = await make();
      for (let n = 0; n < 20; n++) await layer.send("jobs", { type: "t", n });
      for (let n = 0; n < 20; n++) assert.equal((await layer.receive("jobs"))["n"], n);
    },
  },
  {
    name: "gives each message to one of several receivers",
    async run(make) {
      await using layer = await make();
      const both = [layer.receive("jobs"), layer.receive("jobs")];
      await layer.send("jobs", { type: "t", n: 1 });
      await layer.send("jobs", { type: "t", n: 2 });
      const numbers = (await Promise.all(both)).map((message) => Number(message["n"]));
      assert.deepEqual(
        numbers.toSorted((left, right) => left - right),
        [1, 2],
      );
    },
  },
  {
    name: "makes channel names that are valid, local and never the same",
    async run(make) {
      await using layer = await make();
      const names = new Set<string>();
      for (let n = 0; n < 100; n++) names.add(await layer.newChannel());
      assert.equal(names.size, 100);
      for (const name of names) assert.match(name, /^specific\.[\w.-]+![\w.-]+$/);
      const [name = ""] = names;
      await layer.send(name, { type: "t" });
      assert.deepEqual(await layer.receive(name), { type: "t" });
      assert.match(await layer.newChannel("worker"), /^worker\./);
    },
  },
  {
    name: "refuses names that are none",
    async run(make) {
      await using layer = await make();
      const long = "a".repeat(100);
      for (const name of ["", "=+135!", "a b", "é", "a!b!c", "!a", "a\n", "a:b", long]) {
        const refused = { code: "LAYER_INVALID_NAME" };
        await assert.rejects(layer.send(name, { type: "t" }), refused, name);
        await assert.rejects(layer.receive(name), refused, name);
        await assert.rejects(layer.groupAdd(name, "jobs"), refused, name);
        await assert.rejects(layer.groupAdd("group", name), refused, name);
        await assert.rejects(layer.groupSend(name, { type: "t" }), refused, name);
        await assert.rejects(layer.groupDiscard(name, "jobs"), refused, name);
      }
      await assert.rejects(layer.groupSend("a!b", { type: "t" }), { code: "LAYER_INVALID_NAME" });
      await layer.send("a".repeat(99), { type: "t" });
    },
  },
  {
    name: "refuses what is no message",
    async run(make) {
      await using layer = await make();
      const cycle: Record<string, unknown> & { type: string } = { type: "t" };
      cycle["self"] = cycle;
      const bad = [
        { type: "t", at: new Date(0) },
        { type: "t", run: () => 1 },
        { type: "t", big: 2n ** 64n },
        { type: "t", map: new Map() },
        cycle,
      ];
      for (const message of bad) {
        await assert.rejects(layer.send("jobs", message), { code: "LAYER_INVALID_MESSAGE" });
        await assert.rejects(layer.groupSend("g", message), { code: "LAYER_INVALID_MESSAGE" });
      }
    },
  },
  {
    name: "isolates a message from its sender and from other receivers",
    async run(make) {
      await using layer = await make();
      const inner = { n: 1 };
      const bytes = Uint8Array.of(1);
      await layer.groupAdd("room", "one");
      await layer.groupAdd("room", "two");
      await layer.groupSend("room", { type: "t", inner, bytes });
      inner.n = 2;
      bytes[0] = 2;
      const first = await layer.receive("one");
      scribble(first);
      const second = await layer.receive("two");
      assert.deepEqual({ ...second }, { type: "t", inner: { n: 1 }, bytes: Uint8Array.of(1) });
    },
  },
  {
    name: "refuses the message beyond the capacity of its channel, and no other",
    async run(make) {
      await using layer = await make({ capacity: 3 });
      for (let n = 0; n < 3; n++) await layer.send("jobs", { type: "t", n });
      await assert.rejects(layer.send("jobs", { type: "t" }), { code: "LAYER_CHANNEL_FULL" });
      await layer.send("other", { type: "t" });
      assert.equal((await layer.receive("jobs"))["n"], 0);
      await layer.send("jobs", { type: "t", n: 3 });
      for (const n of [1, 2, 3]) assert.equal((await layer.receive("jobs"))["n"], n);
    },
  },
  {
    name: "sends to every member of a group, and to nobody else",
    async run(make) {
      await using layer = await make();
      const [one, two, three] = [
        await layer.newChannel(),
        await layer.newChannel(),
        await layer.newChannel(),
      ];
      for (const channel of [one, two, three]) await layer.groupAdd("room", channel);
      await layer.groupDiscard("room", three);
      await layer.groupSend("room", { type: "t", n: 1 });
      assert.equal((await layer.receive(one))["n"], 1);
      assert.equal((await layer.receive(two))["n"], 1);
      await assertNothing(layer, three);
    },
  },
  {
    name: "counts a channel added twice once, and discards what was never added",
    async run(make) {
      await using layer = await make();
      await layer.groupDiscard("room", "one");
      await layer.groupAdd("room", "one");
      await layer.groupAdd("room", "one");
      await layer.groupSend("room", { type: "t" });
      await layer.receive("one");
      await assertNothing(layer, "one");
    },
  },
  {
    name: "lets a full member miss a group's message, and the others have it",
    async run(make) {
      await using layer = await make({ capacity: 1 });
      await layer.groupAdd("room", "full");
      await layer.groupAdd("room", "free");
      await layer.send("full", { type: "t", n: 0 });
      await layer.groupSend("room", { type: "t", n: 1 });
      assert.equal((await layer.receive("free"))["n"], 1);
      assert.equal((await layer.receive("full"))["n"], 0);
      await assertNothing(layer, "full");
    },
  },
  {
    name: "drops a message that nobody reads in time, with the memberships of its channel",
    async run(make) {
      const clock = new Clock();
      await using layer = await make({ expiryMs: 1_000, now: clock.now });
      await layer.groupAdd("room", "jobs");
      await layer.send("jobs", { type: "t", n: 1 });
      clock.advance(600);
      await layer.send("jobs", { type: "t", n: 2 });
      clock.advance(600);
      assert.equal((await layer.receive("jobs"))["n"], 2);
      await layer.groupSend("room", { type: "t" });
      await assertNothing(layer, "jobs");
    },
  },
  {
    name: "makes room in a full channel by dropping what has expired",
    async run(make) {
      const clock = new Clock();
      await using layer = await make({ capacity: 1, expiryMs: 1_000, now: clock.now });
      await layer.send("jobs", { type: "t", n: 1 });
      clock.advance(1_001);
      await layer.send("jobs", { type: "t", n: 2 });
      assert.equal((await layer.receive("jobs"))["n"], 2);
    },
  },
  {
    name: "ends a membership after the group expiry, unless it is renewed or its channel is held",
    async run(make) {
      const clock = new Clock();
      await using layer = await make({ groupExpiryMs: 1_000, now: clock.now });
      const held: LayerMessage[] = [];
      const unlisten = layer.listen("held", (message) => held.push(message) > 0);
      for (const channel of ["gone", "renewed", "held"]) await layer.groupAdd("room", channel);
      clock.advance(600);
      await layer.groupAdd("room", "renewed");
      clock.advance(600);
      await layer.groupSend("room", { type: "t" });
      await layer.receive("renewed");
      await assertNothing(layer, "gone");
      await until(() => held.length === 1);
      unlisten();
    },
  },
  {
    name: "does not lose a message to a cancelled receive",
    async run(make) {
      await using layer = await make();
      for (let n = 0; n < 20; n++) {
        const cancel = new AbortController();
        const cancelled = layer.receive("jobs", { signal: cancel.signal });
        const waiting = layer.receive("jobs");
        cancel.abort();
        await assert.rejects(cancelled, { name: "AbortError" });
        await layer.send("jobs", { type: "t", n });
        assert.equal((await waiting)["n"], n);
      }
    },
  },
  {
    name: "hands messages to a listener in order, first those that waited",
    async run(make) {
      await using layer = await make();
      const channel = await layer.newChannel();
      const heard: unknown[] = [];
      await layer.groupAdd("room", channel);
      await layer.send(channel, { type: "t", n: 1 });
      const unlisten = layer.listen(channel, (message) => heard.push(message["n"]) > 0);
      await layer.send(channel, { type: "t", n: 2 });
      await layer.groupSend("room", { type: "t", n: 3 });
      await until(() => heard.length === 3);
      assert.deepEqual(heard, [1, 2, 3]);
      unlisten();
      await layer.groupSend("room", { type: "t", n: 4 });
      await assertNothing(layer, channel);
      assert.deepEqual(heard, [1, 2, 3]);
    },
  },
  {
    name: "tells the sender when a listener has no room",
    async run(make) {
      await using layer = await make();
      layer.listen("busy", () => false);
      await assert.rejects(layer.send("busy", { type: "t" }), { code: "LAYER_CHANNEL_FULL" });
    },
  },
  {
    name: "drops every message and membership at a flush",
    async run(make) {
      await using layer = await make();
      await layer.groupAdd("room", "jobs");
      await layer.send("jobs", { type: "t" });
      await layer.flush();
      await layer.groupSend("room", { type: "t" });
      await assertNothing(layer, "jobs");
    },
  },
  {
    name: "tells waiting receivers and later callers that it is closed",
    async run(make) {
      const layer = await make();
      const waiting = assert.rejects(layer.receive("jobs"), { code: "LAYER_CLOSED" });
      await layer.close();
      await waiting;
      await assert.rejects(layer.send("jobs", { type: "t" }), { code: "LAYER_CLOSED" });
      await assert.rejects(layer.groupSend("room", { type: "t" }), { code: "LAYER_CLOSED" });
      await layer.close();
    },
  },
];

/** A clock that stands still until it is moved. */
class Clock {
  #time = 1_000_000;
  readonly now = (): number => this.#time;

  advance(byMs: number): void {
    this.#time += byMs;
  }
}

/** Nothing waits on the channel: a marker sent now is the first thing to arrive. */
async function assertNothing(layer: ChannelLayer, channel: string): Promise<void> {
  await layer.send(channel, { type: "marker" });
  assert.deepEqual(await layer.receive(channel), { type: "marker" });
}

/** Waits for a condition that a message on its way will fulfil; at most two seconds. */
async function until(condition: () => boolean): Promise<void> {
  const limit = Date.now() + 2_000;
  while (!condition()) {
    assert.ok(Date.now() < limit, "the condition did not come true within 2 s");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Tries to change everything in a message; frozen parts refuse, which is as good. */
function scribble(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  for (const [key, item] of Object.entries(value)) {
    scribble(item);
    Reflect.set(value, key, "scribbled");
  }
}

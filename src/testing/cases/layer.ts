import assert from "node:assert/strict";

import {
  markRecorded,
  recordedGroup,
  type ChannelLayer,
  type LayerIncident,
  type LayerMessage,
  type LayerOptions,
} from "../../layers/index.ts";

/** What a layer under test is made with: small bounds, and a clock that the case moves. */
export interface LayerCaseOptions extends LayerOptions {
  /** The time in milliseconds. */
  readonly now?: (() => number) | undefined;
}

/** Makes the layer under test, with nothing in it. */
export type MakeLayer = (options?: LayerCaseOptions) => ChannelLayer | Promise<ChannelLayer>;

/**
 * What not every medium can do.
 *
 * - `hold-unread`: a channel that nobody has read or made keeps what is sent to it.
 * - `refuse-full`: `send` throws LAYER_CHANNEL_FULL; else the message is dropped where it is read.
 * - `bytes`: a message may hold bytes.
 */
export type LayerAbility = "hold-unread" | "refuse-full" | "bytes";

/** A driver, and what the cases must know of it. */
export interface LayerDriver {
  readonly make: MakeLayer;
  /** The form of `newChannel()`. */
  readonly channelName: RegExp;
  /** Abilities that it does not have; cases that need one are not for it. */
  readonly lacks?: readonly LayerAbility[] | undefined;
}

/** One sentence of the contract, and how to see that it holds. */
export interface LayerCase {
  readonly name: string;
  readonly needs?: readonly LayerAbility[] | undefined;
  readonly run: (driver: LayerDriver) => Promise<void>;
}

/** The cases that a driver must pass, which are all but those that need what it lacks. */
export function layerCasesFor({ lacks = [] }: LayerDriver): readonly LayerCase[] {
  return layerCases.filter(({ needs = [] }) => !needs.some((ability) => lacks.includes(ability)));
}

/**
 * The contract of {@link ChannelLayer}, case by case, free of any test runner.
 *
 * @example
 * const driver = { make: (options) => new MyLayer(options), channelName: /^specific\./ };
 * for (const { name, run } of layerCasesFor(driver)) test(name, () => run(driver));
 */
export const layerCases: readonly LayerCase[] = [
  {
    name: "hands a message to the receiver of its channel, equal to what was sent",
    async run({ make }) {
      await using layer = await make();
      const channel = await layer.newChannel();
      const message = { type: "a.b", text: "é 🙂", list: [1, 2.5, null, true], deep: { n: -3 } };
      await layer.send(channel, message);
      assert.deepEqual(await layer.receive(channel), message);
    },
  },
  {
    name: "keeps what is sent to a channel that nobody reads yet",
    needs: ["hold-unread"],
    async run({ make }) {
      await using layer = await make();
      for (let n = 0; n < 3; n++) await layer.send("jobs", { type: "t", n });
      for (let n = 0; n < 3; n++) assert.equal((await layer.receive("jobs"))["n"], n);
    },
  },
  {
    name: "carries 64-bit integers, and leaves out undefined fields",
    async run({ make }) {
      await using layer = await make();
      const channel = await layer.newChannel();
      await layer.send(channel, { type: "t", big: 2n ** 62n, nothing: undefined });
      assert.deepEqual({ ...(await layer.receive(channel)) }, { type: "t", big: 2n ** 62n });
    },
  },
  {
    name: "carries bytes",
    needs: ["bytes"],
    async run({ make }) {
      await using layer = await make();
      const channel = await layer.newChannel();
      const bytes = Uint8Array.of(0, 1, 255);
      await layer.send(channel, { type: "t", bytes });
      assert.deepEqual(Uint8Array.from(toBytes(await layer.receive(channel))), bytes);
    },
  },
  {
    name: "keeps the order of one sender",
    async run({ make }) {
      await using layer = await make();
      const channel = await layer.newChannel();
      for (let n = 0; n < 20; n++) await layer.send(channel, { type: "t", n });
      for (let n = 0; n < 20; n++) assert.equal((await layer.receive(channel))["n"], n);
    },
  },
  {
    name: "gives each message to one of several receivers",
    async run({ make }) {
      await using layer = await make();
      const channel = await layer.newChannel();
      const both = [layer.receive(channel), layer.receive(channel)];
      await layer.send(channel, { type: "t", n: 1 });
      await layer.send(channel, { type: "t", n: 2 });
      const numbers = (await Promise.all(both)).map((message) => Number(message["n"]));
      assert.deepEqual(
        numbers.toSorted((left, right) => left - right),
        [1, 2],
      );
    },
  },
  {
    name: "makes channel names that are valid, in its form, and never the same",
    async run({ make, channelName }) {
      await using layer = await make();
      const names = new Set<string>();
      for (let n = 0; n < 100; n++) names.add(await layer.newChannel());
      assert.equal(names.size, 100);
      for (const name of names) assert.match(name, channelName);
      const [name = ""] = names;
      await layer.send(name, { type: "t" });
      assert.deepEqual(await layer.receive(name), { type: "t" });
      assert.match(await layer.newChannel("worker"), /worker\./);
    },
  },
  {
    name: "refuses names that are none",
    async run({ make }) {
      await using layer = await make();
      const long = "a".repeat(100);
      for (const name of ["", "=+135!", "a b", "é", "a!b!c", "!a", "a\n", "a:b", "a$b", long]) {
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
    async run({ make }) {
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
    async run({ make }) {
      await using layer = await make();
      const [one, two] = await roomOf(layer, 2);
      const inner = { n: 1 };
      await layer.groupSend("room", { type: "t", inner });
      inner.n = 2;
      scribble(await layer.receive(one));
      assert.deepEqual({ ...(await layer.receive(two)) }, { type: "t", inner: { n: 1 } });
    },
  },
  {
    name: "isolates the bytes of a message from its sender and from other receivers",
    needs: ["bytes"],
    async run({ make }) {
      await using layer = await make();
      const [one, two] = await roomOf(layer, 2);
      const bytes = Uint8Array.of(1);
      await layer.groupSend("room", { type: "t", bytes });
      bytes[0] = 2;
      toBytes(await layer.receive(one))[0] = 3;
      assert.deepEqual([...toBytes(await layer.receive(two))], [1]);
    },
  },
  {
    name: "refuses the message beyond the capacity of its channel, and no other",
    needs: ["hold-unread", "refuse-full"],
    async run({ make }) {
      await using layer = await make({ capacity: 3 });
      for (let n = 0; n < 3; n++) await layer.send("jobs", { type: "t", n });
      await assert.rejects(layer.send("jobs", { type: "t" }), { code: "LAYER_CHANNEL_FULL" });
      await layer.send("other", { type: "t" });
      assert.equal((await layer.receive("jobs"))["n"], 0);
      await layer.send("jobs", { type: "t", n: 3 });
      for (const n of [1, 2, 3]) assert.equal((await layer.receive("jobs"))["n"], n);
      assert.equal(layer.incidents.dropped, 1);
    },
  },
  {
    name: "holds no more than the capacity of a channel, and tells what it drops",
    async run({ make }) {
      await using layer = await make({ capacity: 2 });
      const incidents: LayerIncident[] = [];
      layer.onIncident((incident) => incidents.push(incident));
      const [idle, witness] = await roomWithWitness(layer);
      for (let n = 0; n < 4; n++) await layer.groupSend("room", { type: "t", n });
      await until(() => witness.length === 4);
      assert.equal(incidents.length, 2);
      for (const incident of incidents) {
        const name = incident.kind !== "gap" && incident.name === idle ? idle : "room";
        assert.deepEqual(incident, { kind: "dropped", reason: "full", name, count: 1 });
      }
      assert.deepEqual(layer.incidents, { dropped: 2, poison: 0, gap: 0 });
      for (let n = 0; n < 2; n++) assert.equal((await layer.receive(idle))["n"], n);
      await assertNothing(layer, idle);
    },
  },
  {
    name: "holds as many messages as the first pattern says that fits the name",
    async run({ make }) {
      await using layer = await make({
        capacity: 1,
        channelCapacity: [
          ["*big.*", 3],
          [/.*big\./, 2],
        ],
      });
      const [big, bigWitness] = await roomWithWitness(layer, "big");
      const [small, smallWitness] = await roomWithWitness(layer, "small");
      for (let n = 0; n < 3; n++) await layer.groupSend("room", { type: "t", n });
      await until(() => bigWitness.length === 3 && smallWitness.length === 3);
      await assertLast(layer, small, 0);
      await assertLast(layer, big, 2);
    },
  },
  {
    name: "sends to every member of a group, and to nobody else",
    async run({ make }) {
      await using layer = await make();
      const [one, two, three = ""] = await roomOf(layer, 3);
      await layer.groupDiscard("room", three);
      await layer.groupSend("room", { type: "t", n: 1 });
      assert.equal((await layer.receive(one))["n"], 1);
      assert.equal((await layer.receive(two))["n"], 1);
      await assertNothing(layer, three);
    },
  },
  {
    name: "carries the mark of a message that is in a history, and the message as it is without",
    async run({ make }) {
      await using layer = await make();
      const [one, two] = await roomOf(layer, 2);
      const message = { type: "t", text: "é", list: [1, { n: 2 }] };
      await layer.groupSend("room", markRecorded({ ...message }, "room.1"));
      await layer.groupSend("room", message);
      await layer.send(two, markRecorded({ ...message }, "room.1"));
      for (const channel of [one, two]) {
        const marked = await layer.receive(channel);
        assert.deepEqual(marked, message);
        assert.equal(recordedGroup(marked), "room.1");
        assert.equal(recordedGroup(await layer.receive(channel)), undefined);
      }
      assert.equal(recordedGroup(await layer.receive(two)), "room.1");
      assert.equal(recordedGroup(message), undefined);
    },
  },
  {
    name: "has a group again after its last member left and another came",
    async run({ make }) {
      await using layer = await make();
      const channel = await layer.newChannel();
      for (let n = 0; n < 10; n++) {
        await layer.groupAdd("room", channel);
        void layer.groupDiscard("room", channel);
        await layer.groupAdd("room", channel);
        await layer.groupSend("room", { type: "t", n });
        assert.equal((await layer.receive(channel))["n"], n);
        await layer.groupDiscard("room", channel);
      }
    },
  },
  {
    name: "counts a channel added twice once, and discards what was never added",
    async run({ make }) {
      await using layer = await make();
      const channel = await layer.newChannel();
      await layer.groupDiscard("room", channel);
      await layer.groupAdd("room", channel);
      await layer.groupAdd("room", channel);
      await layer.groupSend("room", { type: "t" });
      await layer.receive(channel);
      await assertNothing(layer, channel);
    },
  },
  {
    name: "lets a full member miss a group's message, and the others have it",
    async run({ make }) {
      await using layer = await make({ capacity: 1 });
      const [full, free] = await roomOf(layer, 2);
      await layer.groupSend("room", { type: "t", n: 0 });
      assert.equal((await layer.receive(free))["n"], 0);
      await layer.groupSend("room", { type: "t", n: 1 });
      assert.equal((await layer.receive(free))["n"], 1);
      assert.equal((await layer.receive(full))["n"], 0);
      await assertNothing(layer, full);
    },
  },
  {
    name: "drops a message that nobody reads in time, with the memberships of its channel",
    async run({ make }) {
      const clock = new Clock();
      await using layer = await make({ expiryMs: LIFE_MS, ...clock.options });
      const incidents: LayerIncident[] = [];
      layer.onIncident((incident) => incidents.push(incident));
      const [idle, witness] = await roomWithWitness(layer);
      await layer.groupSend("room", { type: "t", n: 1 });
      await until(() => witness.length === 1);
      clock.advance(0.6 * LIFE_MS);
      await layer.groupSend("room", { type: "t", n: 2 });
      await until(() => witness.length === 2);
      clock.advance(0.6 * LIFE_MS);
      assert.equal((await layer.receive(idle))["n"], 2);
      assert.deepEqual(incidents, [{ kind: "dropped", reason: "expired", name: idle, count: 1 }]);
      await layer.groupSend("room", { type: "t", n: 3 });
      await until(() => witness.length === 3);
      await assertNothing(layer, idle);
    },
  },
  {
    name: "makes room in a full channel by dropping what has expired",
    async run({ make }) {
      const clock = new Clock();
      await using layer = await make({ capacity: 1, expiryMs: LIFE_MS, ...clock.options });
      const [idle, witness] = await roomWithWitness(layer);
      await layer.groupSend("room", { type: "t", n: 1 });
      await until(() => witness.length === 1);
      clock.advance(1.1 * LIFE_MS);
      await layer.send(idle, { type: "t", n: 2 });
      assert.equal((await layer.receive(idle))["n"], 2);
    },
  },
  {
    name: "ends a membership after the group expiry, unless it is renewed or its channel is held",
    async run({ make }) {
      const clock = new Clock();
      await using layer = await make({ groupExpiryMs: LIFE_MS, ...clock.options });
      const [gone, witness] = await roomWithWitness(layer);
      const renewed = await layer.newChannel();
      await layer.groupAdd("room", renewed);
      clock.advance(0.6 * LIFE_MS);
      await layer.groupAdd("room", renewed);
      clock.advance(0.6 * LIFE_MS);
      await layer.groupSend("room", { type: "t", n: 1 });
      assert.equal((await layer.receive(renewed))["n"], 1);
      await until(() => witness.length === 1);
      await assertNothing(layer, gone);
    },
  },
  {
    name: "does not lose a message to a cancelled receive",
    async run({ make }) {
      await using layer = await make();
      const channel = await layer.newChannel();
      for (let n = 0; n < 20; n++) {
        const cancel = new AbortController();
        const cancelled = layer.receive(channel, { signal: cancel.signal });
        const waiting = layer.receive(channel);
        cancel.abort();
        await assert.rejects(cancelled, { name: "AbortError" });
        await layer.send(channel, { type: "t", n });
        assert.equal((await waiting)["n"], n);
      }
    },
  },
  {
    name: "hands messages to a listener in order, first those that waited, until it ends",
    async run({ make }) {
      await using layer = await make();
      const [channel, witness] = await roomWithWitness(layer);
      const heard: unknown[] = [];
      await layer.groupSend("room", { type: "t", n: 1 });
      await until(() => witness.length === 1);
      const unlisten = layer.listen(channel, (message) => heard.push(message["n"]) > 0);
      await layer.groupSend("room", { type: "t", n: 2 });
      await layer.groupSend("room", { type: "t", n: 3 });
      await until(() => heard.length === 3);
      unlisten();
      await layer.groupSend("room", { type: "t", n: 4 });
      await until(() => witness.length === 4);
      assert.deepEqual(heard, [1, 2, 3]);
    },
  },
  {
    name: "tells the sender when a listener has no room",
    needs: ["refuse-full"],
    async run({ make }) {
      await using layer = await make();
      layer.listen("busy", () => false);
      await assert.rejects(layer.send("busy", { type: "t" }), { code: "LAYER_CHANNEL_FULL" });
    },
  },
  {
    name: "counts a group's message for which a listener has no room",
    async run({ make }) {
      await using layer = await make();
      const channel = await layer.newChannel();
      layer.listen(channel, () => false);
      await layer.groupAdd("room", channel);
      await layer.groupSend("room", { type: "t" });
      await until(() => layer.incidents.dropped === 1);
    },
  },
  {
    name: "drops every message and membership at a flush",
    async run({ make }) {
      await using layer = await make();
      const [idle, witness] = await roomWithWitness(layer);
      await layer.groupSend("room", { type: "t" });
      await until(() => witness.length === 1);
      await layer.flush();
      await layer.groupSend("room", { type: "t" });
      await assertNothing(layer, idle);
    },
  },
  {
    name: "tells waiting receivers and later callers that it is closed",
    async run({ make }) {
      const layer = await make();
      const waiting = assert.rejects(layer.receive("jobs"), { code: "LAYER_CLOSED" });
      await layer.check();
      await layer.close();
      await waiting;
      await assert.rejects(layer.check(), { code: "LAYER_CLOSED" });
      await assert.rejects(layer.send("jobs", { type: "t" }), { code: "LAYER_CLOSED" });
      await assert.rejects(layer.groupSend("room", { type: "t" }), { code: "LAYER_CLOSED" });
      await layer.close();
    },
  },
];

/** How long messages and memberships live in the cases about time: for long, if their clock were a real one. */
const LIFE_MS = 10_000;

/** A clock that stands still until it is moved. */
class Clock {
  #time = 1_000_000;

  /** What the layer must be made with, so that it goes by this clock. */
  get options(): LayerCaseOptions {
    return { now: () => this.#time };
  }

  advance(byMs: number): void {
    this.#time += byMs;
  }
}

/** New channels, all of them members of the group `room`. */
async function roomOf(
  layer: ChannelLayer,
  count: number,
  prefix?: string,
): Promise<readonly [string, string, ...string[]]> {
  const [one, two] = [await layer.newChannel(prefix), await layer.newChannel(prefix)];
  const rest = await Promise.all(Array.from({ length: count - 2 }, () => layer.newChannel(prefix)));
  for (const channel of [one, two, ...rest]) await layer.groupAdd("room", channel);
  return [one, two, ...rest];
}

/** A member that nobody reads, and what the next member hears: then the first has it too. */
async function roomWithWitness(
  layer: ChannelLayer,
  prefix?: string,
): Promise<readonly [idle: string, heard: readonly LayerMessage[]]> {
  const [idle, witness] = await roomOf(layer, 2, prefix);
  const heard: LayerMessage[] = [];
  layer.listen(witness, (message) => heard.push(message) > 0);
  return [idle, heard];
}

/** The last of the messages that wait on a channel, numbered from 0, has the number given. */
async function assertLast(layer: ChannelLayer, channel: string, last: number): Promise<void> {
  for (let n = 0; n <= last; n++) assert.equal((await layer.receive(channel))["n"], n);
  await assertNothing(layer, channel);
}

function toBytes(message: LayerMessage): Uint8Array {
  const { bytes } = message;
  assert.ok(bytes instanceof Uint8Array);
  return bytes;
}

/** Nothing waits on the channel: a marker sent now is the first thing to arrive. */
async function assertNothing(layer: ChannelLayer, channel: string): Promise<void> {
  await layer.send(channel, { type: "marker" });
  assert.deepEqual(await layer.receive(channel), { type: "marker" });
}

/** Waits for a condition that a message on its way will fulfil; at most twenty seconds. */
async function until(condition: () => boolean): Promise<void> {
  const limit = Date.now() + 20_000;
  while (!condition()) {
    assert.ok(Date.now() < limit, "the condition did not come true within 20 s");
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

import { once } from "node:events";
import { duplexPair } from "node:stream";

import { describe, expect, test } from "vitest";

import { layerCasesFor, type LayerDriver } from "../testing/cases/layer.ts";
import type {
  ChannelLayer,
  ChannelListener,
  LayerIncident,
  LayerIncidents,
  LayerMessage,
  OutgoingMessage,
  ReceiveOptions,
} from "./layer.ts";
import { SharedMemoryLayer, type SharedMemoryLayerOptions } from "./shared-memory.ts";
import { SharedMemoryHub } from "./shared-memory/hub.ts";
import { SharedMemoryPort } from "./shared-memory/port.ts";

/** What connects another process to a hub. */
function connect(hub: SharedMemoryHub): SharedMemoryPort {
  const [here, there] = duplexPair();
  hub.connect(there);
  return new SharedMemoryPort(here);
}

/** The layers of two processes, as far as they know. */
function pair(
  options: SharedMemoryLayerOptions = {},
  hub: SharedMemoryHub = new SharedMemoryHub(),
): readonly [SharedMemoryLayer, SharedMemoryLayer] {
  return [
    new SharedMemoryLayer(connect(hub), options),
    new SharedMemoryLayer(connect(hub), options),
  ];
}

const driver: LayerDriver = {
  make: (options) => pair(options)[0],
  channelName: /^specific\.memory-[\da-f]{12}![\da-f]{32}$/,
};

/** One layer that sends in one process what is read in the other one. */
class CrossedLayer implements ChannelLayer {
  readonly #here: SharedMemoryLayer;
  readonly #there: SharedMemoryLayer;

  constructor([here, there]: readonly [SharedMemoryLayer, SharedMemoryLayer]) {
    this.#here = here;
    this.#there = there;
  }

  get incidents(): LayerIncidents {
    const [a, b] = [this.#here.incidents, this.#there.incidents];
    return { dropped: a.dropped + b.dropped, poison: a.poison + b.poison, gap: a.gap + b.gap };
  }

  onIncident(listener: (incident: LayerIncident) => void): () => void {
    const ends = [this.#here.onIncident(listener), this.#there.onIncident(listener)];
    return () => {
      for (const end of ends) end();
    };
  }

  newChannel(prefix?: string): Promise<string> {
    return this.#there.newChannel(prefix);
  }

  send(channel: string, message: OutgoingMessage): Promise<void> {
    return this.#here.send(channel, message);
  }

  receive(channel: string, options?: ReceiveOptions): Promise<LayerMessage> {
    return this.#there.receive(channel, options);
  }

  listen(channel: string, listener: ChannelListener): () => void {
    // Who listens to a channel that all may read is known to others only a moment later.
    return (channel.includes("!") ? this.#there : this.#here).listen(channel, listener);
  }

  groupAdd(group: string, channel: string): Promise<void> {
    return this.#here.groupAdd(group, channel);
  }

  groupDiscard(group: string, channel: string): Promise<void> {
    return this.#here.groupDiscard(group, channel);
  }

  groupSend(group: string, message: OutgoingMessage): Promise<void> {
    return this.#here.groupSend(group, message);
  }

  flush(): Promise<void> {
    return this.#here.flush();
  }

  async check(): Promise<void> {
    await Promise.all([this.#here.check(), this.#there.check()]);
  }

  async close(): Promise<void> {
    await Promise.all([this.#here.close(), this.#there.close()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

const crossed: LayerDriver = { ...driver, make: (options) => new CrossedLayer(pair(options)) };

describe.each([
  ["SharedMemoryLayer", driver],
  ["SharedMemoryLayer, sent in one process and read in another", crossed],
])("%s", (_name, each) => {
  for (const { name, run } of layerCasesFor(each)) {
    test(name, () => expect(run(each)).resolves.toBeUndefined());
  }
});

describe("two processes", () => {
  test("hand every member the same frozen object, here at once", async () => {
    const [one, two] = pair();
    const heard: [SharedMemoryLayer, LayerMessage][] = [];
    for (const layer of [one, one, two, two]) {
      const channel = await layer.newChannel();
      layer.listen(channel, (message) => heard.push([layer, message]) > 0);
      await layer.groupAdd("room", channel);
    }
    const message = { type: "t", big: 5n, zero: -0, list: [Uint8Array.of(1).length] };
    const sent = one.groupSend("room", message);
    expect(heard.map(([layer]) => layer)).toEqual([one, one]);
    await sent;
    await expect.poll(() => heard.length).toBe(4);
    const [a, b, c, d] = heard.map(([, each]) => each);
    expect(a).toBe(b);
    expect(c).toBe(d);
    expect(c).toEqual(message);
    expect(Object.isFrozen(c?.["list"])).toBe(true);
  });

  test("send to a channel of the other one, which says when it is full", async () => {
    const [one, two] = pair({ capacity: 2 });
    const channel = await two.newChannel();
    for (const n of [1, 2]) await one.send(channel, { type: "t", n });
    await expect(one.send(channel, { type: "t" })).rejects.toThrow(
      `channel \`${channel}\` is full`,
    );
    expect([one.incidents.dropped, two.incidents.dropped]).toEqual([0, 1]);
    for (const n of [1, 2]) expect(await two.receive(channel)).toEqual({ type: "t", n });
  });

  test("share the messages of a channel that belongs to none of them, and its capacity", async () => {
    const [one, two] = pair({ capacity: 2 });
    const waiting = [one.receive("jobs"), two.receive("jobs")];
    for (const n of [1, 2, 3, 4]) await two.send("jobs", { type: "t", n });
    await expect(one.send("jobs", { type: "t" })).rejects.toMatchObject({
      code: "LAYER_CHANNEL_FULL",
    });
    expect([one.incidents.dropped, two.incidents.dropped]).toEqual([1, 0]);
    const received = [...(await Promise.all(waiting)), await one.receive("jobs")];
    expect([...received, await two.receive("jobs")].map(({ n }) => n)).toEqual([1, 2, 3, 4]);
  });

  test("lose nothing to a receive that is cancelled when its message is on its way", async () => {
    const [one, two] = pair();
    for (let n = 0; n < 20; n++) {
      const cancel = new AbortController();
      const cancelled = one.receive("jobs", { signal: cancel.signal }).catch(() => undefined);
      const sent = two.send("jobs", { type: "t", n });
      // Once before the message, then ever closer to it, then after it.
      for (let turn = 0; turn < n; turn++) await new Promise((next) => setImmediate(next));
      cancel.abort();
      await sent;
      expect((await cancelled) ?? (await two.receive("jobs"))).toEqual({ type: "t", n });
    }
    await expect(one.receive("jobs", { signal: AbortSignal.abort() })).rejects.toThrow("aborted");
    const cancel = new AbortController();
    const idle = one.receive("jobs", { signal: cancel.signal });
    cancel.abort();
    await expect(idle).rejects.toThrow("aborted");
  });

  test("put each other's channels, and those of none, into groups", async () => {
    const [one, two] = pair();
    const channel = await two.newChannel();
    await one.groupAdd("room", channel);
    await one.groupAdd("room", "jobs");
    await one.groupSend("room", { type: "t", n: 1 });
    await one.groupDiscard("room", channel);
    await two.groupDiscard("room", "jobs");
    await one.groupSend("room", { type: "t", n: 2 });
    await one.send(channel, { type: "t", n: 3 });
    await one.send("jobs", { type: "t", n: 3 });
    for (const name of [channel, "jobs"]) {
      expect([await two.receive(name), await two.receive(name)].map(({ n }) => n)).toEqual([1, 3]);
    }
  });

  test("listen to a channel one after the other", async () => {
    const [one, two] = pair();
    const heard: string[] = [];
    await one.send("jobs", { type: "t", n: 1 });
    const end = one.listen("jobs", ({ n }) => heard.push(`one ${Number(n)}`) > 0);
    expect(() => one.listen("jobs", () => true)).toThrow("channel `jobs` has a listener");
    await one.check();
    two.listen("jobs", ({ n }) => heard.push(`two ${Number(n)}`) > 0);
    await two.check();
    await two.send("jobs", { type: "t", n: 2 });
    end();
    await one.check();
    await one.send("jobs", { type: "t", n: 3 });
    expect(heard).toEqual(["one 1", "one 2", "two 3"]);
    await two.close();
    await one.send("jobs", { type: "t", n: 4 });
    expect((await one.receive("jobs"))["n"]).toBe(4);
  });

  test("are flushed together", async () => {
    const [one, two] = pair();
    const channel = await two.newChannel();
    await two.groupAdd("room", channel);
    for (const name of [channel, "jobs"]) await one.send(name, { type: "t", n: 1 });
    await one.flush();
    await one.groupSend("room", { type: "t", n: 2 });
    for (const name of [channel, "jobs"]) {
      await one.send(name, { type: "t", n: 3 });
      expect((await two.receive(name))["n"]).toBe(3);
    }
  });

  test("have the layers of one name in common, and no others", async () => {
    const hub = new SharedMemoryHub();
    const [one, two] = [connect(hub), connect(hub)];
    const [first, second, quiet] = [
      new SharedMemoryLayer(one),
      new SharedMemoryLayer(one),
      new SharedMemoryLayer(one, { name: "quiet" }),
    ];
    await first.send("jobs", { type: "first" });
    await second.send("jobs", { type: "second" });
    await quiet.send("jobs", { type: "quiet" });
    const others = [
      new SharedMemoryLayer(two, { name: "quiet" }),
      new SharedMemoryLayer(two),
      new SharedMemoryLayer(two),
    ];
    const received = await Promise.all(others.map((layer) => layer.receive("jobs")));
    expect(received.map(({ type }) => type)).toEqual(["quiet", "first", "second"]);
  });

  test("tell that they are cut off", async () => {
    const hub = new SharedMemoryHub();
    const [one] = pair({}, hub);
    const waiting = one.receive("jobs").catch((error: unknown) => error);
    await one.check();
    hub.close();
    expect(await waiting).toMatchObject({ code: "LAYER_CLOSED" });
    await expect(one.check()).rejects.toMatchObject({ code: "LAYER_CLOSED" });
    await expect(one.send("jobs", { type: "t" })).rejects.toMatchObject({ code: "LAYER_CLOSED" });
  });
});

test("a sender waits for a hub that is slow, and misses what it does not wait for", async () => {
  const [here, there] = duplexPair();
  const layer = new SharedMemoryLayer(new SharedMemoryPort(here, { maxOutboxBytes: 3_000_000 }));
  const text = "x".repeat(500_000);
  const sent = Array.from({ length: 10 }, () => layer.groupSend("room", { type: "t", text }));
  expect(layer.incidents.dropped).toBe(5);
  let isOver = false;
  const all = Promise.all(sent).then(() => (isOver = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect(isOver).toBe(false);
  there.resume();
  expect(await all).toBe(true);
});

test("a process that sends anything but frames is cut off, and no other", async () => {
  const hub = new SharedMemoryHub();
  const [one, two] = pair({}, hub);
  const [here, there] = duplexPair();
  hub.connect(there);
  here.write("GET / HTTP/1.1\r\n\r\n");
  await once(there, "close");
  await one.send("jobs", { type: "t" });
  expect(await two.receive("jobs")).toEqual({ type: "t" });
});

test("a hub that does not answer is waited for no longer than the limit", async () => {
  const [here] = duplexPair();
  const layer = new SharedMemoryLayer(new SharedMemoryPort(here, { answerTimeoutMs: 20 }));
  const given = new AbortController();
  const received = layer.receive("jobs", { signal: given.signal });
  await expect(layer.check()).rejects.toMatchObject({ code: "LAYER_UNAVAILABLE" });
  await expect(layer.groupAdd("room", "jobs")).rejects.toThrow("do not answer");
  await expect(layer.send("jobs", { type: "t" })).rejects.toThrow(
    "channel `jobs` is full: the process that reads it does not keep up",
  );
  // A receive waits as long as there is no message.
  const isOver = await Promise.race([received.then(() => true), Promise.resolve(false)]);
  expect(isOver).toBe(false);
  await layer.close();
  await expect(received).rejects.toMatchObject({ code: "LAYER_CLOSED" });
});

describe("a process that has not read what came", () => {
  /** A process that listens to `jobs`, and then reads no more. */
  async function deaf(hub: SharedMemoryHub) {
    const [here, there] = duplexPair();
    hub.connect(there);
    const layer = new SharedMemoryLayer(new SharedMemoryPort(here));
    const unlisten = layer.listen("jobs", () => true);
    await layer.check();
    here.pause();
    return { stream: here, channel: await layer.newChannel(), unlisten };
  }

  test("gives it back when its listener has ended", async () => {
    const hub = new SharedMemoryHub();
    const [one, two] = pair({}, hub);
    const { stream, unlisten } = await deaf(hub);
    await one.groupAdd("room", "jobs");
    await one.groupSend("room", { type: "t", n: 1 });
    const sent = one.send("jobs", { type: "t", n: 2 });
    await one.check();
    unlisten();
    stream.resume();
    await sent;
    expect([await two.receive("jobs"), await two.receive("jobs")].map(({ n }) => n)).toEqual([
      1, 2,
    ]);
    expect(one.incidents.dropped).toBe(0);
  });

  test("ends, and leaves its channel to others; what it took is counted", async () => {
    const hub = new SharedMemoryHub();
    const [one, two] = pair({}, hub);
    const { stream } = await deaf(hub);
    await one.groupAdd("room", "jobs");
    await one.groupSend("room", { type: "t", n: 1 });
    await one.check();
    expect(one.incidents.dropped).toBe(0);
    stream.destroy();
    await expect.poll(() => one.incidents.dropped).toBe(1);
    await one.groupSend("room", { type: "t", n: 2 });
    await one.send("jobs", { type: "t", n: 3 });
    expect((await two.receive("jobs"))["n"]).toBe(3);
  });

  test("ends, and is no member any more, which is no error of whoever made it one", async () => {
    const hub = new SharedMemoryHub();
    const [one] = pair({}, hub);
    const { stream, channel } = await deaf(hub);
    const added = one.groupAdd("room", channel);
    await one.check();
    stream.destroy();
    expect(await added).toBe(undefined);
    await one.groupSend("room", { type: "t" });
    await one.check();
    expect(one.incidents.dropped).toBe(0);
  });
});

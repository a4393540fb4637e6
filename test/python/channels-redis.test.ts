import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import {
  markRecorded,
  openLayer,
  recordedGroup,
  RedisQueueLayer,
  type ChannelLayer,
  type LayerMessage,
  type LayerSettings,
} from "../../src/layers/index.ts";
import { openRedis } from "../../src/redis/index.ts";
import { RedisServer } from "../redis/redis-server.ts";
import { ChannelsPeer, PythonFloat } from "./channels-peer.ts";

let server: RedisServer;

beforeAll(async () => {
  server = await RedisServer.start();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** Everything that Python and we can say to each other. */
const allTypes = {
  type: "test.all",
  none: null,
  yes: true,
  no: false,
  integers: [0, 127, 128, 65_536, 2 ** 32, Number.MAX_SAFE_INTEGER, -1, -33, -129, -(2 ** 40)],
  wide: [2n ** 63n - 1n, -(2n ** 63n), 2n ** 64n - 1n],
  floats: [1.5, Math.PI, 5e-324, 1.7e308, Infinity, -Infinity, NaN],
  bytes: Uint8Array.of(0, 1, 255),
  text: "hé🐍\u0000",
  empty: ["", [], {}],
  deep: { list: [{ list: [[1], "a", null] }] },
  long: "x".repeat(70_000),
};

interface Format {
  readonly name: string;
  readonly format: "core" | "pubsub";
  /** Keys for both sides; the first one encrypts. */
  readonly keys?: readonly string[];
}

describe.each<Format>([
  { name: "core format", format: "core" },
  { name: "core format, encrypted", format: "core", keys: ["secret", "older"] },
  { name: "pub/sub format", format: "pubsub" },
])("channels_redis in Python and we, $name:", ({ format, keys }) => {
  let prefix: string;
  let python: ChannelsPeer;
  let layer: ChannelLayer;

  beforeAll(async () => {
    prefix = `asgi-${randomUUID()}`;
    python = await ChannelsPeer.start(format, {
      hosts: [server.url],
      prefix,
      ...(keys && { symmetric_encryption_keys: keys }),
    });
    layer = openOurs({ prefix, symmetricEncryptionKeys: keys });
  });

  afterAll(async () => {
    await layer.close();
    await python[Symbol.asyncDispose]();
  });

  function openOurs(options: Partial<LayerSettings>): ChannelLayer {
    const url = format === "core" ? server.url.replace("redis:", "redis+queue:") : server.url;
    return openLayer({ url, ...options });
  }

  test("reach each other in one group, each member once", async () => {
    const [theirs, ours] = [await python.newChannel(), await layer.newChannel()];
    const second = await layer.newChannel();
    await python.call("group_add", "room", theirs);
    for (const channel of [ours, second]) await layer.groupAdd("room", channel);
    await layer.groupSend("room", { type: "from.us", n: 1 });
    expect(await python.call("receive", theirs)).toEqual({ type: "from.us", n: 1 });
    for (const channel of [ours, second]) {
      expect(await layer.receive(channel)).toEqual({ type: "from.us", n: 1 });
    }
    await python.call("group_send", "room", { type: "from.python", n: 2 });
    for (const channel of [ours, second]) {
      expect(await layer.receive(channel)).toEqual({ type: "from.python", n: 2 });
    }
    expect(await python.call("receive", theirs)).toEqual({ type: "from.python", n: 2 });
    await python.call("group_discard", "room", theirs);
    await layer.groupDiscard("room", second);
    await layer.groupSend("room", { type: "third" });
    expect(await layer.receive(ours)).toEqual({ type: "third" });
    await python.call("send", theirs, { type: "marker" });
    await layer.send(second, { type: "marker" });
    expect(await python.call("receive", theirs)).toEqual({ type: "marker" });
    expect(await layer.receive(second)).toEqual({ type: "marker" });
  });

  test("see the same plain message, whether it is in a history or not", async () => {
    const [theirs, ours] = [await python.newChannel(), await layer.newChannel()];
    await python.call("group_add", "kept", theirs);
    await layer.groupAdd("kept", ours);
    const message = { ...allTypes, long: "short" };
    await layer.groupSend("kept", markRecorded({ ...message }, "kept"));
    expect(await python.call("receive", theirs)).toEqual(message);
    const arrived = await layer.receive(ours);
    expect([arrived, recordedGroup(arrived)]).toEqual([message, "kept"]);
    await python.call("group_send", "kept", { type: "from.python" });
    expect(recordedGroup(await layer.receive(ours))).toBeUndefined();
  });

  test("send to each other's channels directly, in order", async () => {
    const [theirs, ours] = [await python.newChannel(), await layer.newChannel()];
    for (let n = 0; n < 20; n++) {
      await layer.send(theirs, { type: "to.python", n });
      await python.call("send", ours, { type: "to.us", n });
    }
    for (let n = 0; n < 20; n++) {
      expect(await python.call("receive", theirs)).toEqual({ type: "to.python", n });
      expect(await layer.receive(ours)).toEqual({ type: "to.us", n });
    }
  });

  test("carry every type of value to Python and back", async () => {
    const [theirs, ours] = [await python.newChannel(), await layer.newChannel()];
    await layer.send(theirs, allTypes);
    const arrived = (await python.call("receive", theirs)) as object;
    expect(arrived).toEqual(allTypes);
    await python.call("send", ours, arrived);
    expect(await layer.receive(ours)).toEqual(allTypes);
    await python.call("send", ours, { type: "t", whole: new PythonFloat(2) });
    expect(await layer.receive(ours)).toEqual({ type: "t", whole: 2 });
  });

  test("lose nothing of many messages both ways at the same time", async () => {
    const [theirs, ours] = [await python.newChannel(), await layer.newChannel()];
    const count = 90;
    const numbers = Array.from({ length: count }, (_, n) => n);
    const heard: unknown[] = [];
    const unlisten = layer.listen(ours, (message) => heard.push(message["n"]) > 0);
    const received = Promise.all(numbers.map(() => python.call("receive", theirs)));
    await Promise.all(
      numbers.flatMap((n) => [
        layer.send(theirs, { type: "t", n }),
        python.call("send", ours, { type: "t", n }),
      ]),
    );
    const got = ((await received) as LayerMessage[]).map((message) => Number(message["n"]));
    expect(got.toSorted((left, right) => left - right)).toEqual(numbers);
    await expect.poll(() => heard.length).toBe(count);
    expect(new Set(heard).size).toBe(count);
    unlisten();
  });

  test("count what Python sends that is no message, and go on", async () => {
    const channel = await layer.newChannel();
    const before = layer.incidents.poison;
    await python.call("send", channel, { type: "t", map: new Map([[1, "an integer as a key"]]) });
    await python.call("send", channel, { text: "a message without a type" });
    await python.call("send", channel, { type: "t", n: 1 });
    expect(await layer.receive(channel)).toEqual({ type: "t", n: 1 });
    expect(layer.incidents.poison).toBe(before + 2);
  });
});

describe("the core format", () => {
  test("shares the work on a general channel with a Python worker, each message once", async () => {
    const prefix = `asgi-${randomUUID()}`;
    const capacity = 1_000;
    await using python = await ChannelsPeer.start("core", {
      hosts: [server.url],
      prefix,
      capacity,
    });
    const url = server.url.replace("redis:", "redis+queue:");
    await using layer = openLayer({ url, prefix, capacity });
    const ours: unknown[] = [];
    const stop = new AbortController();
    const work = async (): Promise<void> => {
      for (;;) ours.push((await layer.receive("jobs", { signal: stop.signal }))["n"]);
    };
    await python.call("work", "jobs");
    const workers = [work(), work()].map((worker) => expect(worker).rejects.toThrow("aborted"));
    const count = 600;
    const isShared = (): boolean => Math.min(ours.length, python.worked.length) > 0;
    let sent = 0;
    // One side may be too busy with itself to have any of the first ones.
    for (; sent < count || !isShared(); sent += 20) {
      await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          index % 2 === 0
            ? layer.send("jobs", { type: "job", n: sent + index })
            : python.call("send", "jobs", { type: "job", n: sent + index }),
        ),
      );
    }
    await expect.poll(() => ours.length + python.worked.length).toBe(sent);
    stop.abort();
    await Promise.all(workers);
    const theirs = python.worked.map((message) => (message as LayerMessage)["n"]);
    expect(new Set([...ours, ...theirs]).size).toBe(sent);
    expect(Math.min(ours.length, theirs.length)).toBeGreaterThan(0);
  });

  test("takes over what a Python worker left behind, and not before it is left", async () => {
    const prefix = `asgi-${randomUUID()}`;
    await using redis = openRedis(server.url);
    const options = { prefix, reclaimAfterMs: 400 };
    await using layer = new RedisQueueLayer([openRedis(server.url)], options);
    await layer.send("jobs", { type: "job", n: 1 });
    // What a worker does before it hands a message over; this one dies now.
    const [member, score] = (await redis.command(["ZPOPMIN", `${prefix}jobs`])) as Buffer[];
    await redis.command(["ZADD", `${prefix}jobs$inflight`, String(score), member ?? ""]);
    const takenAt = Date.now();
    expect(await layer.receive("jobs")).toEqual({ type: "job", n: 1 });
    expect(Date.now() - takenAt).toBeGreaterThan(390);
    expect(await redis.command(["EXISTS", `${prefix}jobs$inflight`])).toBe(0);
  });

  test("loses no direct message when there are two hosts, whichever side sends", async () => {
    const hosts = [server.url, `${server.url}/1`];
    const prefix = `asgi-${randomUUID()}`;
    await using python = await ChannelsPeer.start("core", { hosts, prefix });
    await using layer = openLayer({
      url: hosts.map((url) => url.replace("redis:", "redis+queue:")),
      prefix,
    });
    // Python hashes the whole name when it sends, and the name of the process when it receives.
    const channels = await Promise.all(Array.from({ length: 20 }, () => layer.newChannel()));
    for (const channel of channels) await python.call("send", channel, { type: "t", channel });
    for (const channel of channels) {
      expect(await layer.receive(channel)).toEqual({ type: "t", channel });
    }
    const theirs = await Promise.all(Array.from({ length: 20 }, () => python.newChannel()));
    for (const channel of theirs) await layer.send(channel, { type: "t", channel });
    for (const channel of theirs) {
      expect(await python.call("receive", channel)).toEqual({ type: "t", channel });
    }
  });

  test("reads what either side has encrypted with another of the keys, and counts what is not encrypted", async () => {
    const prefix = `asgi-${randomUUID()}`;
    const url = server.url.replace("redis:", "redis+queue:");
    await using python = await ChannelsPeer.start("core", {
      hosts: [server.url],
      prefix,
      symmetric_encryption_keys: ["new", "old"],
    });
    await using layer = openLayer({ url, prefix, symmetricEncryptionKeys: ["old", "new"] });
    await using plain = openLayer({ url, prefix });
    const [theirs, ours] = [await python.newChannel(), await layer.newChannel()];
    await layer.send(theirs, { type: "t", n: 1 });
    expect(await python.call("receive", theirs)).toEqual({ type: "t", n: 1 });
    await plain.send(ours, { type: "in the clear" });
    await python.call("send", ours, { type: "t", n: 2 });
    expect(await layer.receive(ours)).toEqual({ type: "t", n: 2 });
    expect(layer.incidents.poison).toBe(1);
  });
});

interface Vector {
  readonly id: string;
  readonly version: string;
  readonly layer: "core" | "pubsub";
  readonly op: string;
  readonly args: readonly [string, unknown];
  readonly config: {
    readonly prefix?: string;
    readonly serializer_format?: "json";
    readonly symmetric_encryption_keys?: string[];
    readonly random_prefix_length?: number;
  };
  readonly redis: readonly {
    readonly key?: string;
    readonly channel?: string;
    readonly ttl?: number;
    readonly score?: string;
    readonly member_hex?: string;
    readonly payload_hex?: string;
  }[];
}

describe("what channels_redis writes into Redis", () => {
  const captured = (
    JSON.parse(readFileSync(new URL("channels-vectors.json", import.meta.url), "utf8")) as Vector[]
  ).filter(({ config }) => !config.symmetric_encryption_keys);

  test.each(captured.filter(({ layer }) => layer === "core"))(
    "is what we write: $id of $version",
    async (vector) => {
      await using redis = openRedis(server.url);
      await redis.command(["FLUSHDB"]);
      const [wanted] = vector.redis;
      const now = Math.floor(Number(wanted?.score) * 1000);
      await using layer = new RedisQueueLayer([openRedis(server.url)], {
        serializerFormat: vector.config.serializer_format,
        randomPrefixLength: vector.config.random_prefix_length,
        now: () => now,
      });
      await replay(layer, vector, captured);
      for (const { key = "", ttl, member_hex: hex = "" } of vector.redis) {
        const prefixDigits =
          vector.id === "core-group-add" || vector.config.random_prefix_length === 0 ? 0 : 24;
        const stored = (await redis.command(["ZRANGE", key, "0", "-1", "WITHSCORES"])) as Buffer[];
        const members = stored.filter((_, index) => index % 2 === 0).map((m) => m.toString("hex"));
        // Python has 1.0 apart from 1; here both are one number, written as an integer.
        const expected = hex
          .replace("a3666c31cb3ff0000000000000", "a3666c3101")
          .slice(prefixDigits);
        expect(members.map((member) => member.slice(prefixDigits))).toContain(expected);
        // A little of it may have passed.
        const left = Number(await redis.command(["TTL", key]));
        expect(left).toBeLessThanOrEqual(ttl ?? 0);
        expect(left).toBeGreaterThan((ttl ?? 0) - 30);
        expect(Math.abs(Number(String(stored[1])) * 1000 - now)).toBeLessThan(1);
        expect(members.length).toBe(vector.redis.length);
      }
    },
  );

  test.each(captured.filter(({ layer }) => layer === "pubsub"))(
    "is what we publish: $id of $version",
    async (vector) => {
      await using redis = openRedis(server.url);
      await using layer = openLayer({
        url: server.url,
        prefix: vector.config.prefix,
        serializerFormat: vector.config.serializer_format,
      });
      const [wanted] = vector.redis;
      const heard = Promise.withResolvers<string>();
      await redis.subscribe(wanted?.channel ?? "", (payload) =>
        heard.resolve(payload.toString("hex")),
      );
      await replay(layer, vector, captured);
      expect(await heard.promise).toBe(wanted?.payload_hex);
    },
  );
});

/** Does what the vector's call did, after what had to be there before. */
async function replay(
  layer: ChannelLayer,
  { id, op, args: [name, what] }: Vector,
  vectors: readonly Vector[],
): Promise<void> {
  if (op === "group_add") {
    for (const channel of what as string[]) await layer.groupAdd(name, channel);
    return;
  }
  const message = revive(what) as LayerMessage;
  if (op.startsWith("send")) {
    for (let count = op === "send x2" ? 2 : 1; count > 0; count--) await layer.send(name, message);
    return;
  }
  const members = vectors.find((vector) => vector.id === "core-group-add")?.args[1];
  if (id === "core-group-send-same-process") {
    for (const channel of members as string[]) await layer.groupAdd(name, channel);
  }
  if (id === "core-group-send-general") await layer.groupAdd(name, "background-tasks");
  await layer.groupSend(name, message);
}

/** Undoes how the captured file writes integers beyond JSON, and bytes. */
function revive(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(revive);
  if ("$int" in value) return BigInt(String(value.$int));
  if ("$bytes" in value) return Uint8Array.from(Buffer.from(String(value.$bytes), "hex"));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, revive(item)]));
}

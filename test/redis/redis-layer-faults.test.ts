import { expect, test } from "vitest";

import { openLayer, type LayerIncident, type LayerMessage } from "../../src/layers/index.ts";
import { openRedis } from "../../src/redis/index.ts";
import { eventually } from "./eventually.ts";
import { RedisServer } from "./redis-server.ts";

const quick = { backoff: { baseMs: 5, maxMs: 20 } };

test("exchanges messages between two layers, directly and in groups", async () => {
  await using server = await RedisServer.start();
  await using here = openLayer(server.url);
  await using there = openLayer(server.url);
  const [mine, theirs] = [await here.newChannel(), await there.newChannel()];
  await here.groupAdd("room", mine);
  await there.groupAdd("room", theirs);
  await here.groupSend("room", { type: "t", n: 1 });
  await there.groupSend("room", { type: "t", n: 2 });
  for (const [layer, channel] of [[here, mine] as const, [there, theirs] as const]) {
    const numbers = [await layer.receive(channel), await layer.receive(channel)].map(
      (message) => message["n"],
    );
    expect(new Set(numbers)).toEqual(new Set([1, 2]));
  }
  await there.send(mine, { type: "t", n: 3 });
  expect(await here.receive(mine)).toEqual({ type: "t", n: 3 });
});

test("hands the members of a group the same frozen object, decoded once", async () => {
  await using server = await RedisServer.start();
  await using layer = openLayer(server.url);
  const heard: LayerMessage[] = [];
  for (let n = 0; n < 3; n++) {
    const channel = await layer.newChannel();
    layer.listen(channel, (message) => heard.push(message) > 0);
    await layer.groupAdd("room", channel);
  }
  await layer.groupSend("room", { type: "t", deep: { list: [1] } });
  await eventually(() => heard.length === 3);
  expect(new Set(heard).size).toBe(1);
  expect(Object.isFrozen(heard[0]?.["deep"])).toBe(true);
  await using redis = openRedis(server.url);
  const clients = String(await redis.command(["PUBSUB", "NUMSUB", "asgi__group__room"]));
  expect(clients).toBe("asgi__group__room,1");
});

test("unsubscribes from what nobody here reads any more", async () => {
  await using server = await RedisServer.start();
  await using layer = openLayer(server.url);
  await using redis = openRedis(server.url);
  const channels = async (): Promise<string> =>
    String(await redis.command(["PUBSUB", "CHANNELS", "*"]));
  const channel = await layer.newChannel();
  const unlisten = layer.listen(channel, () => true);
  await layer.groupAdd("room", channel);
  expect((await channels()).split(",").toSorted()).toEqual(["asgi__group__room", channel]);
  unlisten();
  await eventually(async () => (await channels()) === "");
});

test("gives members their messages again after Redis died, and tells one gap", async () => {
  await using server = await RedisServer.start();
  await using layer = openLayer({ url: server.url, ...quick });
  const incidents: LayerIncident[] = [];
  layer.onIncident((incident) => incidents.push(incident));
  const heard: unknown[] = [];
  const channel = await layer.newChannel();
  layer.listen(channel, (message) => heard.push(message["n"]) > 0);
  await layer.groupAdd("room", channel);
  await layer.groupSend("room", { type: "t", n: 1 });
  await eventually(() => heard.length === 1);
  await server.kill();
  await server.start();
  await eventually(() => incidents.length > 0);
  await layer.groupSend("room", { type: "t", n: 2 });
  await layer.send(channel, { type: "t", n: 3 });
  await eventually(() => heard.length === 3);
  expect(heard).toEqual([1, 2, 3]);
  expect(incidents).toEqual([{ kind: "gap", from: expect.any(Number), to: expect.any(Number) }]);
  expect(layer.incidents).toEqual({ dropped: 0, poison: 0, gap: 1 });
});

test("goes on for the members of a group when another cannot join it while Redis is down", async () => {
  await using server = await RedisServer.start();
  await using layer = openLayer({ url: server.url, ...quick, commandTimeoutMs: 1_000 });
  const incidents: LayerIncident[] = [];
  layer.onIncident((incident) => incidents.push(incident));
  const heard: unknown[] = [];
  const channel = await layer.newChannel();
  layer.listen(channel, (message) => heard.push(message["n"]) > 0);
  await layer.groupAdd("room", channel);
  await server.kill();
  const refused = { code: "REDIS_UNAVAILABLE" };
  // By the time this has been given up, every connection has noticed.
  await expect(layer.send(channel, { type: "t" })).rejects.toMatchObject(refused);
  await Promise.all([
    expect(layer.groupAdd("room", "late")).rejects.toMatchObject(refused),
    expect(layer.groupAdd("room", channel)).rejects.toMatchObject(refused),
    expect(layer.groupAdd("other", channel)).rejects.toMatchObject(refused),
  ]);
  await server.start();
  await eventually(() => incidents.length > 0);
  await layer.groupSend("other", { type: "t", n: 1 });
  await layer.groupSend("room", { type: "t", n: 2 });
  await layer.send(channel, { type: "t", n: 3 });
  await eventually(() => heard.includes(3));
  expect(heard).toEqual([2, 3]);
});

test("keeps a membership that is taken back and made again in one moment", async () => {
  await using server = await RedisServer.start();
  await using layer = openLayer({ url: server.url, ...quick });
  const channel = await layer.newChannel();
  const first = layer.groupAdd("room", channel).catch(() => undefined);
  const gone = layer.groupDiscard("room", channel);
  await Promise.all([first, gone, layer.groupAdd("room", channel)]);
  await layer.groupSend("room", { type: "t", n: 1 });
  await layer.send(channel, { type: "t", n: 2 });
  expect(await layer.receive(channel)).toEqual({ type: "t", n: 1 });
});

test("opens while Redis is down, and hears its channels when it comes", async () => {
  await using server = await RedisServer.start();
  await server.kill();
  await using layer = openLayer({ url: server.url, ...quick, commandTimeoutMs: 500 });
  const heard: LayerMessage[] = [];
  layer.listen("jobs", (message) => heard.push(message) > 0);
  await expect(layer.groupAdd("room", "jobs")).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE" });
  await expect(layer.send("jobs", { type: "t" })).rejects.toMatchObject({
    code: "REDIS_UNAVAILABLE",
  });
  await server.start();
  await eventually(async () => {
    await layer.send("jobs", { type: "t" }).catch(() => undefined);
    return heard.length > 0;
  });
  await eventually(() => layer.groupAdd("room", "jobs").then(isDone, isNotDone));
});

const isDone = (): boolean => true;
const isNotDone = (): boolean => false;

test("refuses what is no message, tells, and harms nobody", async () => {
  await using server = await RedisServer.start();
  await using layer = openLayer(server.url);
  await using redis = openRedis(server.url);
  const incidents: LayerIncident[] = [];
  layer.onIncident((incident) => incidents.push(incident));
  const channel = await layer.newChannel();
  await layer.groupAdd("room", channel);
  for (const bytes of ["", "\xc1", "nonsense", "\x81\x01\x02", "\x80"]) {
    await redis.publish("asgi__group__room", Buffer.from(bytes, "latin1"));
    await redis.publish(channel, Buffer.from(bytes, "latin1"));
  }
  await layer.groupSend("room", { type: "t" });
  expect(await layer.receive(channel)).toEqual({ type: "t" });
  expect(layer.incidents).toEqual({ dropped: 0, poison: 10, gap: 0 });
  expect(new Set(incidents.map((incident) => incident.kind === "poison" && incident.name))).toEqual(
    new Set(["room", channel]),
  );
  expect(JSON.stringify(incidents)).not.toContain("nonsense");
});

test("counts what it cannot decrypt as poison, and reads what an older key wrote", async () => {
  await using server = await RedisServer.start();
  await using reader = openLayer({ url: server.url, symmetricEncryptionKeys: ["new", "old"] });
  const channel = await reader.newChannel();
  for (const keys of [["wrong"], [], ["old"]]) {
    await using writer = openLayer({ url: server.url, symmetricEncryptionKeys: keys });
    await writer.send(channel, { type: "t", keys });
  }
  expect(await reader.receive(channel)).toEqual({ type: "t", keys: ["old"] });
  expect(reader.incidents).toEqual({ dropped: 0, poison: 2, gap: 0 });
});

test("counts a message that is sent to a channel nobody reads", async () => {
  await using server = await RedisServer.start();
  await using layer = openLayer(server.url);
  const incidents: LayerIncident[] = [];
  layer.onIncident((incident) => incidents.push(incident));
  await layer.send("nobody", { type: "t" });
  expect(incidents).toEqual([{ kind: "dropped", reason: "unheard", name: "nobody", count: 1 }]);
});

test("loses nothing on two hosts, sent directly or to groups", async () => {
  await using left = await RedisServer.start();
  await using right = await RedisServer.start();
  const url = [left.url, right.url];
  await using here = openLayer({ url });
  await using there = openLayer({ url });
  const channels = await Promise.all(Array.from({ length: 40 }, () => here.newChannel()));
  for (const [n, channel] of channels.entries()) {
    await here.groupAdd(`group-${n}`, channel);
    await there.send(channel, { type: "t", n });
    expect(await here.receive(channel)).toEqual({ type: "t", n });
    await there.groupSend(`group-${n}`, { type: "g", n });
    expect(await here.receive(channel)).toEqual({ type: "g", n });
  }
  for (const { url: one } of [left, right]) {
    await using redis = openRedis(one);
    const heard = String(await redis.command(["PUBSUB", "CHANNELS", "*"])).split(",");
    expect(heard.length).toBeGreaterThan(10);
  }
});

test("writes and reads exactly what channels_redis publishes", async () => {
  await using server = await RedisServer.start();
  await using layer = openLayer({ url: server.url, prefix: "myapp" });
  await using redis = openRedis(server.url);
  const published: string[] = [];
  for (const name of ["myapp__group__g", "background-tasks"]) {
    await redis.subscribe(name, (bytes) => published.push(`${name} ${bytes.toString("hex")}`));
  }
  await layer.groupSend("g", { type: "x" });
  await layer.send("background-tasks", { type: "x" });
  await eventually(() => published.length === 2);
  expect(published).toEqual([
    "myapp__group__g 81a474797065a178",
    "background-tasks 81a474797065a178",
  ]);
  expect(await layer.newChannel()).toMatch(/^myappspecific\.[\da-f]{32}$/);
});

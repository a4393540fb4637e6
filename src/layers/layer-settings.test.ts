import { expect, test } from "vitest";

import { parseLayerSettings, type LayerSettings } from "./layer-settings.ts";
import { MemoryLayer } from "./memory.ts";
import { openLayer } from "./open-layer.ts";

test.each<[string, string, string]>([
  ["memory:", "memory", ""],
  ["redis://h:1/2", "redis", "redis://h:1/2"],
  ["rediss+cluster://a,b", "redis", "rediss+cluster://a,b"],
  ["redis+queue://h", "redis+queue", "redis://h"],
  ["rediss+queue://h", "redis+queue", "rediss://h"],
  ["redis+queue+sentinel://a,b/0?master=m", "redis+queue", "redis+sentinel://a,b/0?master=m"],
  ["redis+sentinel+queue://a?capacity=5&master=m", "redis+queue", "redis+sentinel://a?master=m"],
])("reads %s", (url, driver, rest) => {
  expect(parseLayerSettings({ url })).toMatchObject({ driver, urls: [rest] });
});

test("takes simple options from the query, and the rest from the settings", () => {
  const url = "redis://h?capacity=5&expiryMs=1500&prefix=my&serializerFormat=json";
  const settings = parseLayerSettings({ url, symmetricEncryptionKeys: ["k"], capacity: 5 });
  expect(settings).toEqual({
    driver: "redis",
    urls: ["redis://h"],
    capacity: 5,
    expiryMs: 1500,
    prefix: "my",
    serializerFormat: "json",
    symmetricEncryptionKeys: ["k"],
  });
});

test.each<[LayerSettings, string]>([
  [{ url: "amqp://u:secret@h" }, "expected one of the schemes memory:, redis:"],
  [{ url: "memory" }, "got `none`"],
  [{ url: [] }, "expected `url`"],
  [{ url: ["redis://a", "redis+queue://b"] }, "all hosts of a layer must have one scheme"],
  [{ url: "redis://h?size=1" }, "unknown layer option `size`; known are capacity, expiryMs"],
  [{ url: "redis://h?symmetricEncryptionKeys=secret" }, "unknown layer option"],
  [{ url: "redis://h?capacity=many" }, 'expected `capacity` to be a number, got `"many"`'],
  [{ url: "redis://h?capacity=" }, "expected `capacity`"],
  [{ url: "redis://h?capacity=1", capacity: 2 }, "`capacity` is given twice"],
  [{ url: "redis://h", reclaimAfterMs: 1 }, 'a redis: layer has no option "reclaimAfterMs"'],
  [{ url: "memory:", prefix: "x" }, 'a memory: layer has no option "prefix"; there are url'],
])("refuses %j", (settings, message) => {
  const read = (): unknown => parseLayerSettings(settings);
  expect(read).toThrow(message);
  expect(read).not.toThrow("secret");
});

test("refuses an option that it does not know, with the list of those that it does", () => {
  const settings = { url: "redis://h", sharding: true };
  expect(() => parseLayerSettings(settings)).toThrow(
    'a redis: layer has no option "sharding"; there are url, client, capacity',
  );
});

test("lets a layer through, and opens a memory layer with the options of its URL", async () => {
  const layer = new MemoryLayer();
  expect(openLayer(layer)).toBe(layer);
  await using small = openLayer("memory:?capacity=1");
  await small.send("jobs", { type: "t" });
  await expect(small.send("jobs", { type: "t" })).rejects.toMatchObject({
    code: "LAYER_CHANNEL_FULL",
  });
});

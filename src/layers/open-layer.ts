import { fromIoredis, openRedis, type Redis } from "../redis/index.ts";
import {
  parseLayerSettings,
  type LayerSettings,
  type ParsedLayerSettings,
} from "./layer-settings.ts";
import type { ChannelLayer } from "./layer.ts";
import { MemoryLayer } from "./memory.ts";
import { RedisQueueLayer } from "./redis-queue.ts";
import { RedisLayer } from "./redis.ts";
import { SharedMemoryLayer } from "./shared-memory.ts";
import { sharedMemoryPort } from "./shared-memory/sharing.ts";

/**
 * Opens the channel layer that a URL or settings name; a layer passes through.
 *
 * - `memory:` is in this process, or shared by the workers of one `tidings serve --workers`, which
 *   have those of the same `name` in common.
 * - `redis://host:6379/0` is the pub/sub of Redis, in the format of channels_redis' pub/sub layer.
 * - `redis+queue://host:6379/0` are queues in Redis, in the format of its core layer.
 *
 * `rediss` speaks TLS; `+sentinel` and `+cluster` take a list of hosts (`redis+queue+sentinel://a,b/0?master=m`).
 * Simple options of the layer may stand in the query: `memory:?capacity=500`. Nothing is connected
 * yet, so opening never fails because Redis is down.
 *
 * @throws {TidingsError} APP_INVALID_URL or OPTION_INVALID.
 */
export function openLayer(
  target: string | LayerSettings | ChannelLayer = "memory:",
  name = "default",
): ChannelLayer {
  if (isLayer(target)) return target;
  const settings = parseLayerSettings(typeof target === "string" ? { url: target } : target);
  switch (settings.driver) {
    case "memory":
      return openMemory(settings, name);
    case "redis":
      return new RedisLayer(openHosts(settings), settings);
    case "redis+queue":
      return new RedisQueueLayer(openHosts(settings), settings);
  }
}

function isLayer(target: string | LayerSettings | ChannelLayer): target is ChannelLayer {
  return typeof target === "object" && "groupSend" in target;
}

function openMemory(settings: ParsedLayerSettings, name: string): ChannelLayer {
  const port = sharedMemoryPort();
  return port ? new SharedMemoryLayer(port, { ...settings, name }) : new MemoryLayer(settings);
}

function openHosts({ client, urls, ...options }: ParsedLayerSettings): [Redis, ...Redis[]] {
  const [first = "", ...others] = urls;
  if (client) return [fromIoredis(client, options)];
  return [
    openRedis({ ...options, url: first }),
    ...others.map((url) => openRedis({ ...options, url })),
  ];
}

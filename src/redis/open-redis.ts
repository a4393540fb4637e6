import { dialClient } from "./client-link.ts";
import { ClusterRedis } from "./cluster-redis.ts";
import { dialIoredis, isIoredisCluster, nodesOf, type IoredisClient } from "./ioredis-link.ts";
import type { DialRedis } from "./redis-link.ts";
import { toBounds, type RedisOptions } from "./redis-options.ts";
import { parseRedisUrl, type RedisAddress } from "./redis-url.ts";
import type { Redis } from "./redis.ts";
import { assertMaster, dialMaster } from "./sentinel.ts";
import { ServerRedis } from "./server-redis.ts";

/** Which Redis, and how to speak with it. */
export interface RedisSettings extends RedisOptions {
  /** As `redis://user:password@host:6379/0`; see {@link openRedis}. */
  readonly url: string;
}

/**
 * Opens a Redis by its URL. Nothing is connected yet, so it never fails because Redis is down.
 *
 * - `redis://[user:password@]host:port/database`: a server; `rediss:` speaks TLS.
 * - `redis+sentinel://s1:26379,s2:26379/0?master=mymaster`: what sentinels say is the master.
 * - `redis+cluster://n1:7000,n2:7001`: a cluster (Redis 7), with sharded pub/sub.
 *
 * @throws {TidingsError} APP_INVALID_URL when the URL is wrong, OPTION_INVALID when an option is.
 */
export function openRedis(target: string | RedisSettings): Redis {
  const { url, ...options }: RedisSettings = typeof target === "string" ? { url: target } : target;
  const { kind, isTls, addresses, username, password, database, master } = parseRedisUrl(url);
  const bounds = toBounds(options);
  const tls = options.tls ?? (isTls ? {} : undefined);
  const common = { tls, connectTimeoutMs: bounds.connectTimeoutMs };
  const dialServer =
    (address: RedisAddress): DialRedis =>
    async (events) =>
      await dialClient({ ...common, address, username, password, database }, events);
  const [first] = addresses;
  if (kind === "cluster") {
    return new ClusterRedis({ seeds: async () => addresses, dialServer, bounds });
  }
  if (kind === "server" || master === undefined || !first) {
    return new ServerRedis({
      dial: dialServer(first ?? { host: "localhost", port: 6379 }),
      bounds,
    });
  }
  const { sentinelUsername, sentinelPassword } = options;
  const credentials = { username: sentinelUsername, password: sentinelPassword };
  const dial = dialMaster({
    sentinels: addresses,
    master,
    dialServer,
    dialSentinel: async (address) =>
      await dialClient({ ...common, ...credentials, address }, silentEvents),
  });
  return new ServerRedis({ dial, bounds, probe: assertMaster });
}

/**
 * Uses the settings of an ioredis client, or of an ioredis cluster, that the application has already.
 *
 * The client itself is not used but duplicated: it goes on as it was and is left open; what was
 * duplicated is closed. Its `keyPrefix` does not count.
 */
export function fromIoredis(client: IoredisClient, options: RedisOptions = {}): Redis {
  const bounds = toBounds(options);
  const { connectTimeoutMs } = bounds;
  if (!isIoredisCluster(client)) {
    return new ServerRedis({ dial: dialIoredis(client, connectTimeoutMs), bounds });
  }
  return new ClusterRedis({
    seeds: async () => {
      const nodes = await nodesOf(client);
      return nodes.map(({ options: { host = "localhost", port = 6379 } }) => ({ host, port }));
    },
    dialServer: (address) => async (events) => {
      const [node] = await nodesOf(client);
      return await dialIoredis(node, connectTimeoutMs, address)(events);
    },
    bounds,
  });
}

const silentEvents = { onMessage: () => undefined, onBreak: () => undefined };

import { ClusterRedis } from "./cluster-redis.ts";
import { dialFirst } from "./failover.ts";
import { dialIoredis, isIoredisCluster, nodesOf, type IoredisClient } from "./ioredis-link.ts";
import { toBounds, type RedisOptions } from "./redis-options.ts";
import { parseRedisUrls, type RedisAddress, type RedisUrl } from "./redis-url.ts";
import type { Redis } from "./redis.ts";
import { assertMaster, dialMaster, type SentinelOptions } from "./sentinel.ts";
import { dialLink } from "./server-link.ts";
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
 * - `redis://a:6379/0;redis://b:6379/0`: the first of the list that can be reached.
 * - `redis+sentinel://s1:26379,s2:26379/0?master=mymaster`: what sentinels say is the master.
 * - `redis+cluster://n1:7000,n2:7001`: a cluster (Redis 7), with sharded pub/sub.
 *
 * @throws {TidingsError} APP_INVALID_URL when the URL is wrong, OPTION_INVALID when an option is.
 */
export function openRedis(target: string | RedisSettings): Redis {
  const { url, ...options }: RedisSettings = typeof target === "string" ? { url: target } : target;
  const bounds = toBounds(options);
  const [first, ...others] = parseRedisUrls(url);
  const { kind, addresses, master } = first;
  const { dialServer, dialSentinel } = createDials(first, options);
  if (kind === "cluster") {
    return new ClusterRedis({ seeds: async () => addresses, dialServer, bounds });
  }
  if (kind === "server" || master === undefined) {
    const dials = [
      dialServer(addressOf(addresses)),
      ...others.map((other) => createDials(other, options).dialServer(addressOf(other.addresses))),
    ];
    const { dial, probe } = dialFirst(dials);
    return new ServerRedis({ dial, bounds, probe, probeListener: probe });
  }
  const dial = dialMaster({ sentinels: addresses, master, dialServer, dialSentinel });
  return new ServerRedis({ dial, bounds, probe: assertMaster });
}

/** How to connect to the servers of one URL. */
function createDials(
  { isTls, username, password, database }: RedisUrl,
  options: RedisOptions,
): Pick<SentinelOptions, "dialServer" | "dialSentinel"> {
  const { tls = isTls ? {} : undefined, sentinelUsername, sentinelPassword } = options;
  const common = { tls, connectTimeoutMs: toBounds(options).connectTimeoutMs };
  const credentials = { username: sentinelUsername, password: sentinelPassword };
  return {
    dialServer: (address) => async (events) =>
      await dialLink({ ...common, address, username, password, database }, events),
    dialSentinel: async (address) =>
      await dialLink({ ...common, ...credentials, address }, silentEvents),
  };
}

function addressOf([address]: readonly RedisAddress[]): RedisAddress {
  return address ?? { host: "localhost", port: 6379 };
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

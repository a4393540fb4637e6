import { RedisRefusal, RedisUnavailable } from "./redis-errors.ts";
import type { DialRedis, RedisLink } from "./redis-link.ts";
import type { RedisAddress } from "./redis-url.ts";
import type { RedisReply } from "./redis.ts";

/** Where to ask for the master, and how to reach it. */
export interface SentinelOptions {
  readonly sentinels: readonly RedisAddress[];
  /** The name under which sentinels know the master. */
  readonly master: string;
  readonly dialSentinel: (address: RedisAddress) => Promise<RedisLink>;
  readonly dialServer: (address: RedisAddress) => DialRedis;
}

/**
 * Connects to whatever the first sentinel that answers says is the master.
 *
 * A sentinel may be behind: a server that says it is no master is refused, and the next try asks
 * again. The sentinel that answered is asked first the next time.
 */
export function dialMaster(options: SentinelOptions): DialRedis {
  let sentinels = options.sentinels;
  return async (events) => {
    let lastError: unknown;
    for (const sentinel of sentinels) {
      try {
        const address = await askMaster(sentinel, options);
        const link = await options.dialServer(address)(events);
        try {
          await assertMaster(link);
        } catch (error) {
          link.close();
          throw error;
        }
        sentinels = [sentinel, ...sentinels.filter((other) => other !== sentinel)];
        return link;
      } catch (error) {
        lastError = error;
      }
    }
    throw lastError;
  };
}

/** Rejects when the server is no master (any more). */
export async function assertMaster(link: RedisLink): Promise<void> {
  const [role] = toList(await link.command(["ROLE"]));
  if (String(role) !== "master") throw new RedisUnavailable("the server is no longer the master");
}

async function askMaster(
  sentinel: RedisAddress,
  { master, dialSentinel }: SentinelOptions,
): Promise<RedisAddress> {
  const link = await dialSentinel(sentinel);
  try {
    const reply = await link.command(["SENTINEL", "get-master-addr-by-name", master]);
    if (reply === null) throw new RedisRefusal(`the sentinels know no master \`${master}\``);
    const [host, port] = toList(reply);
    return { host: String(host), port: Number(port) };
  } finally {
    link.close();
  }
}

function toList(reply: RedisReply): readonly RedisReply[] {
  return Array.isArray(reply) ? reply : [];
}

import { RedisServer } from "../../../test/redis/redis-server.ts";
import type { Figure } from "../../figure.ts";
import type { Setting } from "../setting.ts";
import { measureThroughput } from "../throughput.ts";

const MEMBERS = 1_000;
/** Its layers drop what goes beyond 100 for a member that is behind. */
const WINDOW = 50;

/** Debian's Channels behind daphne: in memory, and with a layer in Redis. For information. */
export async function measurePython(setting: Setting): Promise<readonly Figure[]> {
  const redis = setting.use(await RedisServer.start());
  const figures: Figure[] = [];
  for (const [where, redisUrl] of [
    ["in memory", undefined],
    ["through Redis", redis.url],
  ] as const) {
    figures.push(
      ...(await measureThroughput({
        name: `fan-out to 1,000 ${where}, ${WINDOW} under way, deliveries per second`,
        load: setting.load,
        sides: [
          { peer: await setting.start("tidings", redisUrl) },
          { peer: await setting.start("channels", redisUrl) },
        ],
        rooms: 1,
        size: MEMBERS,
        window: WINDOW,
        floors: {},
        rounds: 3,
      })),
    );
  }
  return figures;
}

import { RedisServer } from "../../../test/redis/redis-server.ts";
import type { Figure } from "../../figure.ts";
import type { PeerName } from "../peer.ts";
import type { Setting } from "../setting.ts";
import { measureThroughput, type Side } from "../throughput.ts";

const MEMBERS = 1_000;
const WINDOW = 50;
const FLOOR = 3;

/** The publisher is connected to one process, the members to another; Redis is between them. */
export async function measureRedis(setting: Setting): Promise<readonly Figure[]> {
  const redis = setting.use(await RedisServer.start());
  const startBoth = async (name: PeerName): Promise<Side> => ({
    peer: await setting.start(name, redis.url),
    publishTo: await setting.start(name, redis.url),
  });
  return await measureThroughput({
    name: `fan-out to 1,000 through Redis, ${WINDOW} under way, deliveries per second`,
    load: setting.load,
    sides: [await startBoth("tidings"), await startBoth("socket.io")],
    rooms: 1,
    size: MEMBERS,
    window: WINDOW,
    floors: { "socket.io": FLOOR },
    rounds: setting.rounds(7),
  });
}

import { RedisServer } from "../../../test/redis/redis-server.ts";
import type { Figure } from "../../figure.ts";
import type { Setting } from "../setting.ts";
import { measureThroughput, type Side } from "../throughput.ts";

const MEMBERS = 1_000;
/** At the few thousand a second that it reaches, more would take minutes. */
const WINDOW = 10;

/** Debian's Channels behind daphne: in memory, and with its pub/sub layer in Redis. For information. */
export async function measurePython(setting: Setting): Promise<readonly Figure[]> {
  const inMemory: Side[] = [
    { peer: await setting.start("tidings") },
    { peer: await setting.start("channels") },
  ];
  // Each its own Redis: they speak the same format, so in one they would be members of one group.
  const throughRedis: Side[] = [
    { peer: await setting.start("tidings", await startRedis(setting)) },
    { peer: await setting.start("channels", await startRedis(setting)) },
  ];
  return [
    ...(await measure(setting, "in memory", inMemory)),
    ...(await measure(setting, "through Redis", throughRedis)),
  ];
}

async function startRedis(setting: Setting): Promise<string> {
  return setting.use(await RedisServer.start()).url;
}

async function measure(
  setting: Setting,
  where: string,
  sides: readonly Side[],
): Promise<readonly Figure[]> {
  return await measureThroughput({
    name: `fan-out to 1,000 ${where}, ${WINDOW} under way, deliveries per second`,
    load: setting.load,
    sides,
    rooms: 1,
    size: MEMBERS,
    window: WINDOW,
    floors: {},
    rounds: 2,
    warmUpRounds: 2,
  });
}

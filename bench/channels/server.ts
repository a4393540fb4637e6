import { setTimeout as delay } from "node:timers/promises";

import type { ApplicationOptions } from "./applications/options.ts";
import { startSocketIo } from "./applications/socket-io.ts";
import { startTidings } from "./applications/tidings.ts";
import { startWs } from "./applications/ws.ts";

/** One of the servers under load, in a process of its own; answers any message with its memory. */
const [, , kind, redisUrl] = process.argv;
process.once("disconnect", () => process.exit());
process.on("message", () => void measureMemory().then((memory) => process.send?.(memory)));
process.send?.(await start({ redisUrl }));

async function start(options: ApplicationOptions): Promise<number> {
  if (kind === "tidings") return await startTidings(options);
  if (kind === "socket.io") return await startSocketIo(options);
  return await startWs();
}

/** What remains after everything that can go has gone. */
async function measureMemory(): Promise<NodeJS.MemoryUsage> {
  for (let pass = 0; pass < 3; pass++) {
    globalThis.gc?.();
    await delay(50);
  }
  return process.memoryUsage();
}

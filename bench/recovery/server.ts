import { setTimeout as delay } from "node:timers/promises";

import type { RunningServer } from "./running-server.ts";
import { startSocketIo } from "./socket-io-server.ts";
import { startTidings } from "./tidings-server.ts";

/** What a server is told. */
export type ServerOrder = { readonly kind: "listen"; readonly port: number } | "stop";

/** One of the servers under test, in a process of its own; listens when it is told to, and answers with its port. */
const [, , kind, redisUrl = ""] = process.argv;
const start = kind === "tidings" ? startTidings : startSocketIo;
let running: RunningServer | undefined;

process.once("disconnect", () => process.exit());
process.on("message", (order: ServerOrder) => {
  void obey(order).then((answer) => process.send?.(answer));
});
process.send?.("ready");

async function obey(order: ServerOrder): Promise<number> {
  if (order === "stop") await running?.stop();
  else running = await listen(order.port);
  return running?.port ?? 0;
}

/** The server before may need a moment to let go of the port. */
async function listen(port: number): Promise<RunningServer> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await start(redisUrl, port);
    } catch (thrown) {
      if (attempt === 100) throw thrown;
      await delay(20);
    }
  }
}

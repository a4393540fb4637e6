import {
  application,
  createApp,
  createServer,
  feed,
  forward,
  type FeedDefinition,
  type Server,
} from "tidings";

import { nameOfRun, type NumberedMessage } from "./message.ts";
import type { RunningServer } from "./running-server.ts";

/** The numbers of one run, with a history: who was away gets what was missed. */
export const numbers: FeedDefinition<NumberedMessage> = feed({
  path: "/numbers/:run",
  group: ({ run }) => nameOfRun(run),
  history: true,
  snapshot: (): NumberedMessage => ({ n: 0, at: 0 }),
  on: { number: forward(({ n, at }) => ({ n, at })) },
});

/** Ours. Its history is in Redis, so that another process can go on from it. */
export async function startTidings(redisUrl: string, port: number): Promise<RunningServer> {
  const app = createApp({ name: "bench", broker: "memory:", layer: redisUrl });
  const server: Server = createServer(application({ app, routes: [numbers] }), { port });
  await server.start();
  return {
    port: server.port,
    async stop() {
      await server.stop();
      await app.close();
    },
  };
}

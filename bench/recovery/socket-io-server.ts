import { once } from "node:events";
import { createServer } from "node:http";

import { Redis } from "ioredis";
import { Server } from "socket.io";

import { nameOfRun } from "./message.ts";
import type { RunningServer } from "./running-server.ts";

/**
 * The same with Socket.IO: connection state recovery, with the adapter in memory.
 *
 * It hears of messages from Redis, and keeps what it has heard for those who come back.
 */
export async function startSocketIo(redisUrl: string, port: number): Promise<RunningServer> {
  const http = createServer();
  const io = new Server(http, {
    transports: ["websocket"],
    serveClient: false,
    connectionStateRecovery: { maxDisconnectionDuration: 120_000 },
  });
  const redis = new Redis(redisUrl);
  await redis.subscribe(nameOfRun("socket.io"));
  redis.on("message", (_channel, text) => io.emit("number", JSON.parse(text)));
  http.listen(port, "127.0.0.1");
  await once(http, "listening");
  const address = http.address();
  return {
    port: typeof address === "object" && address ? address.port : 0,
    async stop() {
      await io.close();
      redis.disconnect();
    },
  };
}

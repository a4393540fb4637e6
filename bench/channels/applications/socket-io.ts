import { once } from "node:events";
import { createServer } from "node:http";

import { createAdapter } from "@socket.io/redis-adapter";
import { Redis } from "ioredis";
import { Server } from "socket.io";

import { TEXT } from "../message.ts";
import type { ApplicationOptions } from "./options.ts";

/** The same with Socket.IO, as its documentation writes it; WebSocket alone, which is its best case. */
export async function startSocketIo({ redisUrl }: ApplicationOptions): Promise<number> {
  const http = createServer();
  const io = new Server(http, {
    transports: ["websocket"],
    serveClient: false,
    // The members are bare sockets, which do not answer a ping.
    pingInterval: 3_600_000,
    ...(redisUrl !== undefined && {
      adapter: createAdapter(new Redis(redisUrl), new Redis(redisUrl)),
    }),
  });
  io.on("connection", async (socket) => {
    const { room } = socket.handshake.query;
    if (typeof room === "string") await socket.join(room);
    socket.on("say", ({ n }: { readonly n: number }) => {
      if (typeof room === "string") io.to(room).emit("said", { n, text: TEXT });
    });
    socket.on("echo", ({ n, text }: { readonly n: number; readonly text: string }) => {
      socket.emit("echo", { n, text });
    });
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const address = http.address();
  return typeof address === "object" && address ? address.port : 0;
}

import { WebSocketServer, type WebSocket } from "ws";

import { TEXT } from "../message.ts";

/** The shortest program that does it with `ws`: encodes once, sends to each. */
export async function startWs(): Promise<number> {
  const rooms = new Map<string, Set<WebSocket>>();
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false });
  server.on("connection", (socket, { url = "/" }) => {
    if (url === "/echo") {
      socket.on("message", (data: Buffer) => {
        const { n, text }: { readonly n: number; readonly text: string } = JSON.parse(
          data.toString(),
        );
        socket.send(JSON.stringify({ n, text }));
      });
      return;
    }
    const name = url.slice("/rooms/".length);
    const room = rooms.get(name) ?? new Set();
    rooms.set(name, room.add(socket));
    socket.on("close", () => room.delete(socket));
    socket.on("message", (data: Buffer) => {
      const { n }: { readonly n: number } = JSON.parse(data.toString());
      const said = JSON.stringify({ type: "said", n, text: TEXT });
      for (const member of room) member.send(said);
    });
  });
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  return typeof address === "object" && address ? address.port : 0;
}

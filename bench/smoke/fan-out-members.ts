import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";

import { WebSocket } from "ws";

import { frameText } from "../../src/protocol/index.ts";
import { toBroadcast } from "./fan-out-message.ts";

/** A round: so many messages to everybody on a port, `window` of them under way at a time. */
export interface Round {
  readonly port: number;
  readonly messages: number;
  readonly window: number;
}

/** Everybody on one port: the one who speaks, and all who only listen. */
interface Room {
  readonly publisher: WebSocket;
  readonly listeners: readonly Socket[];
}

/**
 * The members, in a process of their own: opens the connections that it is told to, then runs rounds
 * and answers with the milliseconds until every member had every byte of every message.
 *
 * All but the publisher are bare sockets that count bytes after their handshake, so that the servers
 * are what is measured, not a thousand WebSocket clients.
 */
const MEMBERS = Number(process.argv[2]);
/** Every message has as many digits in its number, so every frame has the same length. */
const FIRST = 10_000;
const FRAME_BYTES = frameText(toBroadcast(FIRST)).length;
const rooms = new Map<number, Room>();

process.on("message", (round: Round) => {
  void run(round).then((elapsedMs) => process.send?.(elapsedMs));
});
process.once("disconnect", () => process.exit());

async function run({ port, messages, window }: Round): Promise<number> {
  const { publisher, listeners } = await enter(port);
  const everything = messages * MEMBERS * FRAME_BYTES;
  let received = 0;
  let sent = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const publish = (): void => publisher.send(JSON.stringify({ n: FIRST + sent++ }));
  const onBytes = (count: number): void => {
    received += count;
    if (received === everything) resolve();
    // The next message follows when everybody has the one `window` before it.
    while (
      sent < messages &&
      (sent - window) * MEMBERS * FRAME_BYTES <= received - MEMBERS * FRAME_BYTES
    ) {
      publish();
    }
  };
  const onMessage = (): void => onBytes(FRAME_BYTES);
  const onChunk = (chunk: Buffer): void => onBytes(chunk.length);
  publisher.on("message", onMessage);
  for (const socket of listeners) socket.on("data", onChunk);
  const startedAt = performance.now();
  while (sent < window) publish();
  await promise;
  const elapsedMs = performance.now() - startedAt;
  publisher.off("message", onMessage);
  for (const socket of listeners) socket.off("data", onChunk);
  return elapsedMs;
}

async function enter(port: number): Promise<Room> {
  const known = rooms.get(port);
  if (known) return known;
  const publisher = new WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate: false });
  await once(publisher, "open");
  const listeners: Socket[] = [];
  while (listeners.length < MEMBERS - 1) listeners.push(await listen(port));
  const room: Room = { publisher, listeners };
  rooms.set(port, room);
  return room;
}

/** Opens a WebSocket by hand; nothing follows the answer to its handshake until a round begins. */
async function listen(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.write(
    `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n\r\n`,
  );
  const [answer] = await once(socket, "data");
  if (!String(answer).startsWith("HTTP/1.1 101")) throw new Error(`refused: ${String(answer)}`);
  return socket;
}

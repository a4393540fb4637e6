import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";

import { WebSocket } from "ws";

import { frameText } from "../../src/transports/frame-writer.ts";
import { toBroadcast } from "./fan-out-message.ts";

/** A round: so many messages to everybody on a port, `window` of them under way at a time. */
export interface Round {
  readonly port: number;
  readonly messages: number;
  readonly window: number;
}

/** Everybody on one port: the one who speaks, and what is called with all that anybody receives. */
interface Room {
  readonly publisher: WebSocket;
  onBytes(count: number): void;
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
  const room = rooms.get(port) ?? (await enter(port));
  const toEach = (count: number): number => count * MEMBERS * FRAME_BYTES;
  let received = 0;
  let sent = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const publish = (): void => room.publisher.send(JSON.stringify({ n: FIRST + sent++ }));
  room.onBytes = (count) => {
    received += count;
    // The next message follows when everybody has the one `window` before it.
    while (sent < messages && received >= toEach(sent - window + 1)) publish();
    if (received === toEach(messages)) resolve();
  };
  const startedAt = performance.now();
  while (sent < window) publish();
  await promise;
  return performance.now() - startedAt;
}

async function enter(port: number): Promise<Room> {
  const publisher = new WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate: false });
  const room: Room = { publisher, onBytes() {} };
  publisher.on("message", () => room.onBytes(FRAME_BYTES));
  await once(publisher, "open");
  for (let n = 1; n < MEMBERS; n++) await listen(port, (count) => room.onBytes(count));
  rooms.set(port, room);
  return room;
}

/** What is read goes into one buffer for all: only its length matters. */
const scrap = Buffer.alloc(64 * 1024);

/** Opens a WebSocket by hand; what follows the answer to its handshake is counted. */
async function listen(port: number, onBytes: (count: number) => void): Promise<void> {
  const { promise: opened, resolve, reject } = Promise.withResolvers<void>();
  let isOpen = false;
  const onRead = (count: number): boolean => {
    if (isOpen) onBytes(count);
    else if (scrap.toString("latin1", 0, count).startsWith("HTTP/1.1 101")) {
      isOpen = true;
      resolve();
    } else reject(new Error(`refused: ${scrap.toString("latin1", 0, count)}`));
    return true;
  };
  const socket = connect({ port, host: "127.0.0.1", onread: { buffer: scrap, callback: onRead } });
  socket.write(
    `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n\r\n`,
  );
  await opened;
}

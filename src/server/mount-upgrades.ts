import type { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

import { toErrorResponse } from "../channels/index.ts";
import { answerUpgrade } from "../transports/index.ts";

/** Takes an upgrade, or returns `false` and leaves it alone. */
export type UpgradeTaker = (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean;

/** What is mounted in a server: together its takers are one listener. */
const takersOf = new WeakMap<EventEmitter, Set<UpgradeTaker>>();

/**
 * Offers a server's upgrades to a taker; returns what ends that.
 *
 * The server may have other listeners, of other WebSocket libraries: what no taker of ours wants is
 * theirs. Without any, the client would wait for ever, since Node gives such sockets no time limit:
 * then it is refused.
 */
export function joinUpgrades(server: EventEmitter, taker: UpgradeTaker): () => void {
  const takers = takersOf.get(server) ?? listen(server);
  takers.add(taker);
  return () => void takers.delete(taker);
}

function listen(server: EventEmitter): Set<UpgradeTaker> {
  const takers = new Set<UpgradeTaker>();
  takersOf.set(server, takers);
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    for (const take of takers) if (take(request, socket, head)) return;
    if (server.listenerCount("upgrade") === 1) refuse(socket);
  });
  return takers;
}

function refuse(socket: Duplex): void {
  socket.on("error", () => {}); // a client that is gone already would end the process
  const message = "no WebSocket is at this URL";
  void answerUpgrade(socket, toErrorResponse({ status: 404, code: "REQUEST_NOT_FOUND", message }));
}

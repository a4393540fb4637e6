import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { median, type Figure } from "../figure.ts";
import type { Round } from "./fan-out-members.ts";

const MEMBERS = 1_000;
const MESSAGES = 100;
const ROUNDS = 9;
/** Ours at least as fast as `ws.send` to each. */
const FLOOR = 1;

/**
 * Measures the fan-out of one publisher to 1,000 WebSocket members, beside `ws.send` to each.
 *
 * Servers and members are processes of their own. With one message under way, the next is sent when
 * everybody has the last one; with ten, we write less often than `ws` does.
 */
export async function measureFanOut(): Promise<readonly Figure[]> {
  const ours = await startServer("tidings");
  const peer = await startServer("ws");
  const members = fork(path("fan-out-members.ts"), [String(MEMBERS)]);
  try {
    const figures: Figure[] = [];
    for (const window of [1, 10]) {
      const rounds: { readonly ours: number; readonly peer: number }[] = [];
      for (let round = 0; round <= ROUNDS; round++) {
        rounds.push({
          ours: await measure(members, ours.port, window),
          peer: await measure(members, peer.port, window),
        });
      }
      rounds.shift(); // the first one opened the connections and warmed up
      figures.push(toFigure(window, rounds));
    }
    return figures;
  } finally {
    for (const child of [members, ours.child, peer.child]) child.kill();
  }
}

/** Runs one round, and returns deliveries per second. */
async function measure(members: ChildProcess, port: number, window: number): Promise<number> {
  const round: Round = { port, messages: MESSAGES, window };
  members.send(round);
  const [elapsedMs] = await once(members, "message");
  return (MESSAGES * MEMBERS * 1000) / Number(elapsedMs);
}

function toFigure(
  window: number,
  rounds: readonly { readonly ours: number; readonly peer: number }[],
): Figure {
  const ratio = median(rounds.map(({ ours, peer }) => ours / peer));
  return {
    name: `fan-out to 1,000 WebSockets, ${window} under way, deliveries per second`,
    ours: median(rounds.map(({ ours }) => ours)),
    peer: median(rounds.map(({ peer }) => peer)),
    ratio,
    floor: FLOOR,
    isMet: ratio >= FLOOR,
  };
}

async function startServer(
  kind: string,
): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  const child = fork(path("fan-out-server.ts"), [kind]);
  const [port] = await once(child, "message");
  return { child, port: Number(port) };
}

function path(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}

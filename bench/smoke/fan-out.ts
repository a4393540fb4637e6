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
 * Fan-out of one publisher to 1,000 WebSocket members, beside `ws.send` to each.
 *
 * Servers and members are processes of their own. With one message under way, the next is sent when
 * everybody has the last one; with ten, we write less often than `ws`. Each is given per second of the
 * clock and per second of the server's processor: on few cores the members take as long to read as a
 * server to write, and the clock then shows the members.
 */
export async function measureFanOut(): Promise<readonly Figure[]> {
  const ours = await startServer("tidings");
  const peer = await startServer("ws");
  const members = fork(path("fan-out-members.ts"), [String(MEMBERS)]);
  try {
    const figures: Figure[] = [];
    for (const window of [1, 10]) {
      const rounds: { readonly ours: Rates; readonly peer: Rates }[] = [];
      for (let round = 0; round <= ROUNDS; round++) {
        rounds.push({
          ours: await measure(members, ours, window),
          peer: await measure(members, peer, window),
        });
      }
      rounds.shift(); // the first one opened the connections and warmed up
      for (const per of ["clock", "processor"] as const) {
        figures.push(
          toFigure(
            `fan-out to 1,000 WebSockets, ${window} under way, per second of the ${per}`,
            rounds.map((round) => ({ ours: round.ours[per], peer: round.peer[per] })),
          ),
        );
      }
    }
    return figures;
  } finally {
    for (const child of [members, ours.child, peer.child]) child.kill();
  }
}

/** Deliveries per second. */
interface Rates {
  readonly clock: number;
  /** Of the server's processor time, in user and kernel. */
  readonly processor: number;
}

interface ServerProcess {
  readonly child: ChildProcess;
  readonly port: number;
}

async function measure(
  members: ChildProcess,
  server: ServerProcess,
  window: number,
): Promise<Rates> {
  const round: Round = { port: server.port, messages: MESSAGES, window };
  const before = await processorSeconds(server.child);
  members.send(round);
  const [elapsedMs] = await once(members, "message");
  const spent = (await processorSeconds(server.child)) - before;
  const deliveries = MESSAGES * MEMBERS;
  return { clock: (deliveries * 1000) / Number(elapsedMs), processor: deliveries / spent };
}

async function processorSeconds(child: ChildProcess): Promise<number> {
  child.send("processor");
  const [seconds] = await once(child, "message");
  return Number(seconds);
}

function toFigure(
  name: string,
  rounds: readonly { readonly ours: number; readonly peer: number }[],
): Figure {
  const ratio = median(rounds.map(({ ours, peer }) => ours / peer));
  return {
    name,
    ours: median(rounds.map(({ ours }) => ours)),
    peer: median(rounds.map(({ peer }) => peer)),
    ratio,
    floor: FLOOR,
    isMet: ratio >= FLOOR,
  };
}

async function startServer(kind: string): Promise<ServerProcess> {
  const child = fork(path("fan-out-server.ts"), [kind]);
  const [port] = await once(child, "message");
  return { child, port: Number(port) };
}

function path(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}

import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { median, type Figure } from "../figure.ts";
import type { Round } from "./fan-out-members.ts";

const MEMBERS = 1_000;
const MESSAGES = 100;
const ROUNDS = 9;

/**
 * Fan-out of one publisher to 1,000 WebSocket members, beside `ws.send` to each.
 *
 * Server and members are processes of their own. `one by one` sends the next message when everybody
 * has the last one; `bursts of 10` has ten under way, which we send as fewer, larger writes.
 */
export async function measureFanOut(): Promise<readonly Figure[]> {
  const ours = await startServer("tidings");
  const peer = await startServer("ws");
  const members = fork(path("fan-out-members.ts"), [String(MEMBERS)]);
  const run = async (port: number, window: number): Promise<number> => {
    const round: Round = { port, messages: MESSAGES, window };
    members.send(round);
    const [elapsedMs] = await once(members, "message");
    return (MESSAGES * MEMBERS * 1000) / Number(elapsedMs);
  };
  try {
    return [
      await compare("fan-out to 1,000 WebSockets, one by one (deliveries/s)", 1.0, (port) =>
        run(port, 1),
      ),
      await compare("fan-out to 1,000 WebSockets, bursts of 10 (deliveries/s)", 1.0, (port) =>
        run(port, 10),
      ),
    ];
  } finally {
    for (const child of [members, ours.child, peer.child]) child.kill();
  }

  async function compare(
    name: string,
    floor: number,
    measure: (port: number) => Promise<number>,
  ): Promise<Figure> {
    const rates = { ours: [] as number[], peer: [] as number[] };
    await measure(ours.port);
    await measure(peer.port);
    for (let round = 0; round < ROUNDS; round++) {
      rates.ours.push(await measure(ours.port));
      rates.peer.push(await measure(peer.port));
    }
    const ratio = median(rates.ours.map((rate, round) => rate / (rates.peer[round] ?? Number.NaN)));
    return {
      name,
      ours: median(rates.ours),
      peer: median(rates.peer),
      ratio,
      floor,
      isMet: ratio >= floor,
    };
  }
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

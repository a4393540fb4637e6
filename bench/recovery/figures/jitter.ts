import { TRANSPORTS } from "tidings/client";

import type { Figure } from "../../figure.ts";
import { within } from "../bound.ts";
import { finish } from "../child.ts";
import type { ClientsReport } from "../clients.ts";
import type { PeerName } from "../message.ts";
import type { Setting } from "../setting.ts";

const PLANS = {
  full: { size: 1_000, messages: 25, intervalMs: 1_000 },
  quick: { size: 200, messages: 50, intervalMs: 200 },
};
/** They are away for a second. */
const REPLAY_MS = 1_500;

/** Clients that are cut off every 5 s for 1 s while messages flow, over each transport. */
export async function measureJitter(setting: Setting): Promise<readonly Figure[]> {
  const [peer] = await measure(setting, "socket.io", ["socket.io"]);
  const ours = await measure(setting, "tidings", TRANSPORTS);
  return ours.flatMap(({ way, ...report }) => [
    within({
      name: `${way}, cut off every 5 s: percent delivered`,
      ours: report.deliveredPercent,
      peer: peer?.deliveredPercent ?? Number.NaN,
      atLeast: 100,
      note: `${report.cuts} cuts, ${report.busy}`,
    }),
    within({
      name: `${way}, cut off every 5 s: repeated or out of order`,
      ours: report.repeated + report.disordered,
      peer: (peer?.repeated ?? 0) + (peer?.disordered ?? 0),
      atMost: 0,
    }),
    within({
      name: `${way}, cut off every 5 s: replay, p99, milliseconds, at most ${REPLAY_MS}`,
      ours: report.replayP99Ms,
      peer: peer?.replayP99Ms ?? Number.NaN,
      atMost: REPLAY_MS,
    }),
  ]);
}

async function measure<TWay extends (typeof TRANSPORTS)[number] | "socket.io">(
  setting: Setting,
  name: PeerName,
  ways: readonly TWay[],
): Promise<readonly (ClientsReport & { readonly way: TWay; readonly busy: string })[]> {
  const { size, messages, intervalMs } = PLANS[setting.isQuick ? "quick" : "full"];
  const redisUrl = await setting.startRedis();
  const server = await setting.startServer(name, redisUrl);
  const publisher = await setting.startPublisher(name, redisUrl);
  const port = await server.ask({ kind: "listen", port: 0 });
  const reports = [];
  for (const way of ways) {
    await using clients = await setting.startClients();
    await clients.ask({ kind: "open", port, run: way, ways: [way], size, isCut: true });
    const before = { clients: clients.cpuMs, server: server.cpuMs, at: performance.now() };
    await publisher.ask({ run: way, messages, intervalMs });
    const percent = 100 / (performance.now() - before.at);
    const clientsBusy = Math.round((clients.cpuMs - before.clients) * percent);
    const serverBusy = Math.round((server.cpuMs - before.server) * percent);
    const busy = `server busy ${serverBusy} %, clients ${clientsBusy} %`;
    reports.push({ way, busy, ...(await finish(clients, messages)) });
  }
  return reports;
}

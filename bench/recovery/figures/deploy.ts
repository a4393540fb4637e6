import { setTimeout as delay } from "node:timers/promises";

import { TRANSPORTS } from "tidings/client";

import type { Figure } from "../../figure.ts";
import { within } from "../bound.ts";
import { finish } from "../child.ts";
import type { ClientsReport } from "../clients.ts";
import type { PeerName } from "../message.ts";
import type { Setting } from "../setting.ts";

const PLANS = {
  full: { size: 2_000, messages: 30, intervalMs: 500 },
  quick: { size: 300, messages: 45, intervalMs: 200 },
};
/** The server is replaced when messages have flowed for so long. */
const BEFORE_MS = 2_000;
const SILENCE_MS = 6_000;

/** The server is stopped while messages flow, and another one takes its port. */
export async function measureDeploy(setting: Setting): Promise<readonly Figure[]> {
  const { size } = PLANS[setting.isQuick ? "quick" : "full"];
  const peer = await measure(setting, "socket.io");
  const ours = await measure(setting, "tidings");
  return [
    within({
      name: `deploy with ${size} clients over all transports: percent delivered`,
      ours: ours.deliveredPercent,
      peer: peer.deliveredPercent,
      atLeast: 100,
    }),
    within({
      name: `deploy with ${size} clients: clients that have everything`,
      ours: ours.whole,
      peer: peer.whole,
      atLeast: size,
    }),
    within({
      name: `deploy with ${size} clients: repeated or out of order`,
      ours: ours.repeated + ours.disordered,
      peer: peer.repeated + peer.disordered,
      atMost: 0,
    }),
    within({
      name: `deploy with ${size} clients: longest silence, p95, milliseconds, at most ${SILENCE_MS}`,
      ours: ours.silenceP95Ms,
      peer: peer.silenceP95Ms,
      atMost: SILENCE_MS,
    }),
  ];
}

async function measure(setting: Setting, name: PeerName): Promise<ClientsReport> {
  const { size, messages, intervalMs } = PLANS[setting.isQuick ? "quick" : "full"];
  const redisUrl = await setting.startRedis();
  const publisher = await setting.startPublisher(name, redisUrl);
  const before = await setting.startServer(name, redisUrl);
  const after = await setting.startServer(name, redisUrl);
  await using clients = await setting.startClients();
  const port = await before.ask({ kind: "listen", port: 0 });
  const ways = name === "tidings" ? TRANSPORTS : (["socket.io"] as const);
  await clients.ask({ kind: "open", port, run: name, ways, size, isCut: false });
  const published = publisher.ask({ run: name, messages, intervalMs });
  await delay(BEFORE_MS);
  const stopped = before.ask("stop");
  await after.ask({ kind: "listen", port });
  await Promise.all([published, stopped]);
  return await finish(clients, messages);
}

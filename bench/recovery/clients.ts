import { setTimeout as delay } from "node:timers/promises";

import type { TransportName } from "tidings/client";

import { followNumbers, listenWithSocketIo, type Client, type ClientOptions } from "./client.ts";
import { Reception } from "./reception.ts";

/** What the process with the clients is told. */
export type ClientsOrder =
  | {
      readonly kind: "open";
      readonly port: number;
      readonly run: string;
      /** How they listen; several are dealt out in turn. */
      readonly ways: readonly (TransportName | "socket.io")[];
      readonly size: number;
      /** Whether each is cut off every 5 s for 1 s; otherwise they come back by themselves. */
      readonly isCut: boolean;
    }
  | { readonly kind: "finish"; readonly messages: number };

/** How everybody has fared. */
export interface ClientsReport {
  readonly deliveredPercent: number;
  /** Clients that have everything. */
  readonly whole: number;
  readonly repeated: number;
  readonly disordered: number;
  readonly cuts: number;
  readonly replayP99Ms: number;
  readonly silenceP95Ms: number;
}

const CONNECTED_MS = 5_000;
const OFFLINE_MS = 1_000;
const CONCURRENCY = 50;
const FINISH_MS = 10_000;

let receptions: Reception[] = [];
let cutting = new AbortController();
let cycles: Promise<void>[] = [];

process.once("disconnect", () => process.exit());
process.on("message", (order: ClientsOrder) => {
  const answer = order.kind === "open" ? open(order) : finish(order.messages);
  void answer.then((report) => process.send?.(report));
});
process.send?.("ready");

async function open(order: ClientsOrder & { readonly kind: "open" }): Promise<string> {
  receptions = [];
  cutting = new AbortController();
  const clients: [Client, Reception][] = [];
  const indices = Array.from({ length: order.size }, (_, index) => index).values();
  const openSome = async (): Promise<void> => {
    for (const index of indices) {
      const reception = new Reception();
      const options = {
        port: order.port,
        run: order.run,
        onMessage: (message: Parameters<Reception["take"]>[0]) => reception.take(message),
      };
      const client = makeClient(order, index, options);
      await client.connect();
      receptions.push(reception);
      clients.push([client, reception]);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, openSome));
  cycles = order.isCut ? clients.map(cutAgainAndAgain) : [];
  return "open";
}

function makeClient(
  { ways, isCut }: ClientsOrder & { readonly kind: "open" },
  index: number,
  options: ClientOptions,
): Client {
  const way = ways[index % ways.length] ?? "websocket";
  if (way === "socket.io") return listenWithSocketIo(!isCut, options);
  return followNumbers(way, options);
}

/** Spread, so that at any time a sixth of them is away. */
async function cutAgainAndAgain([client, reception]: readonly [Client, Reception]): Promise<void> {
  const { signal } = cutting;
  await delay(Math.random() * CONNECTED_MS);
  while (!signal.aborted) {
    client.cut();
    await delay(OFFLINE_MS * (0.8 + 0.4 * Math.random()));
    reception.comeBack();
    await client.connect();
    await delay(CONNECTED_MS * (0.8 + 0.4 * Math.random()), undefined, { signal }).catch(() => {});
  }
}

async function finish(messages: number): Promise<ClientsReport> {
  cutting.abort();
  await Promise.all(cycles);
  const limit = Date.now() + FINISH_MS;
  const isWhole = ({ received }: Reception): boolean => received === messages;
  while (Date.now() < limit && !receptions.every(isWhole)) await delay(100);
  const sum = (count: (reception: Reception) => number): number =>
    receptions.reduce((total, each) => total + count(each), 0);
  const replays = receptions.flatMap((each) => each.replays);
  const silences = receptions.map(({ longestSilenceMs }) => longestSilenceMs);
  return {
    deliveredPercent: (100 * sum(({ received }) => received)) / (messages * receptions.length),
    whole: receptions.filter(isWhole).length,
    repeated: sum(({ repeated }) => repeated),
    disordered: sum(({ disordered }) => disordered),
    cuts: replays.length,
    replayP99Ms: percentile(replays, 0.99),
    silenceP95Ms: percentile(silences, 0.95),
  };
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

import type { ChildProcess } from "node:child_process";

import { compare, inTurns } from "../../comparison.ts";
import { median, type Figure } from "../../figure.ts";
import type { ListenersOrder } from "../listeners-main.ts";
import type { Heard, ListenersOptions } from "../listeners.ts";
import { Peer } from "../peer.ts";
import { LOAD_CORE, nextMessage, startModule, stopProcess } from "../process.ts";
import type { Setting } from "../setting.ts";

const SIZE = 1_000;
const WINDOW = 50;
const MESSAGES = 2_000;
/** A feed's event stream is at most a tenth slower than our own WebSockets; a consumer's has ids of its own. */
const FLOORS = { feed: 0.9, consumer: 0.6 };

const BEFORE = 2_000;
const STEP = 2_000;
const STEPS = 3;
const CEILING_BYTES = 10 * 1024;
const WAYS = ["sse", "websocket"] as const;

/** A feed and a consumer of a group over server-sent events, beside the same over our own WebSockets. */
export async function measureSse(setting: Setting): Promise<readonly Figure[]> {
  return [
    ...(await measureFanOut(setting, "feed")),
    ...(await measureFanOut(setting, "consumer")),
    ...(await measureIdle("feed")),
    ...(await measureIdle("consumer")),
  ];
}

interface Side {
  readonly peer: Peer;
  readonly crowd: number;
}

interface Round {
  /** Per second of the server's processor time: the listeners cost more than it does. */
  readonly rate: number;
  readonly byClock: number;
}

async function measureFanOut(setting: Setting, heard: Heard): Promise<readonly Figure[]> {
  await using load = new ListenerLoad();
  const sides: Side[] = [];
  for (const listening of WAYS) {
    const peer = await setting.start("tidings");
    sides.push({ peer, crowd: await load.open({ port: peer.port, heard, listening, size: SIZE }) });
  }
  const run = async ({ peer, crowd }: Side): Promise<Round> => {
    const cpuBefore = peer.cpuMs;
    const ms = await load.run(crowd);
    const perSecond = (spentMs: number): number => (MESSAGES * SIZE * 1000) / spentMs;
    return { rate: perSecond(peer.cpuMs - cpuBefore), byClock: perSecond(ms) };
  };
  await inTurns(sides, 2, run); // until the hot functions are compiled
  const results = await inTurns(sides, setting.rounds(7), run);
  const name = `${heard} to ${SIZE} event streams, ${WINDOW} under way, deliveries per second of processor time`;
  const measured = WAYS.map((way, index) => {
    const rounds = results[index] ?? [];
    const byClock = Math.round(median(rounds.map((round) => round.byClock)));
    return {
      name: way,
      values: rounds.map(({ rate }) => rate),
      note: `${byClock.toLocaleString("en-US")} by the clock`,
    };
  });
  return compare({ name, measured, floors: { websocket: FLOORS[heard] } });
}

/** What one more follower costs that is silent; the first ones pay for what a server needs once. */
async function measureIdle(heard: Heard): Promise<readonly Figure[]> {
  const measured = [];
  for (const listening of WAYS) {
    await using load = new ListenerLoad();
    await using peer = await Peer.start("tidings", undefined, ["--max-semi-space-size=1"]);
    const { port } = peer;
    await load.open({ port, heard, listening, size: BEFORE });
    let before = await peer.measureMemory();
    const values: number[] = [];
    const heaps: number[] = [];
    for (let step = 0; step < STEPS; step++) {
      await load.open({ port, heard, listening, size: STEP });
      const after = await peer.measureMemory();
      values.push((after.rss - before.rss) / STEP);
      heaps.push((after.heapUsed - before.heapUsed) / STEP);
      before = after;
    }
    measured.push({ name: listening, values, note: `${Math.round(median(heaps))} of them heap` });
  }
  const name = `idle event stream of a ${heard}, resident bytes, at most ${CEILING_BYTES}`;
  return compare({ name, measured, isCost: true }).map((figure) => ({
    ...figure,
    floor: CEILING_BYTES,
    isMet: figure.ours <= CEILING_BYTES,
  }));
}

/** The process with the listeners. */
class ListenerLoad implements AsyncDisposable {
  readonly #process: ChildProcess = startModule("listeners-main.ts", LOAD_CORE);
  #crowds = 0;

  async open(options: ListenersOptions): Promise<number> {
    const crowd = this.#crowds++;
    await this.#ask({ kind: "open", crowd, options });
    return crowd;
  }

  async run(crowd: number): Promise<number> {
    return await this.#ask({ kind: "run", crowd, messages: MESSAGES, window: WINDOW });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stopProcess(this.#process);
  }

  async #ask(order: ListenersOrder): Promise<number> {
    this.#process.send(order);
    return Number(await nextMessage(this.#process));
  }
}

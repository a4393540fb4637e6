import { compare, inTurns, type Floors } from "../comparison.ts";
import { median, type Figure } from "../figure.ts";
import type { ClientCrowd, Gathering, LoadGenerator } from "./load-generator.ts";
import { MAX_MESSAGES } from "./message.ts";
import type { Peer } from "./peer.ts";

/** A server that always has something to do. */
export interface Throughput {
  readonly name: string;
  readonly load: LoadGenerator;
  /** Ours first. */
  readonly sides: readonly Side[];
  readonly rooms: number;
  readonly size: number;
  readonly isEcho?: boolean | undefined;
  /** Messages under way in each room; with 1 there is nothing to coalesce. */
  readonly window: number;
  readonly floors: Floors;
  readonly rounds: number;
  /** Rounds until the hot functions are compiled. @default 3 */
  readonly warmUpRounds?: number | undefined;
}

/** A server, and where publishers connect when that is another one. */
export interface Side {
  readonly peer: Peer;
  readonly publishTo?: Peer | undefined;
}

/** Long enough to tell peers apart, short enough for many rounds. */
const ROUND_MS = 600;

/** Measures deliveries per second, round by round, every delivery counted. */
export async function measureThroughput(options: Throughput): Promise<readonly Figure[]> {
  const { name, load, sides, rounds, floors, rooms, size, isEcho } = options;
  const runners: Runner[] = [];
  for (const { peer, publishTo } of sides) {
    const gathering: Gathering = { rooms, size, isEcho, publishTo };
    const runner = new Runner(await load.open(peer, gathering), options);
    await runner.warmUp();
    runners.push(runner);
  }
  const results = await inTurns(runners, rounds, async (runner) => await runner.run());
  const measured = runners.map(({ crowd }, index) => {
    const all = results[index] ?? [];
    const busy = Math.round(median(all.map((each) => each.busy)) * 100);
    return { name: crowd.peer.name, values: all.map(({ rate }) => rate), note: `busy ${busy} %` };
  });
  return compare({ name, measured, floors });
}

/** Runs rounds of about the same time for one peer, however fast it is. */
class Runner {
  readonly crowd: ClientCrowd;
  readonly #options: Throughput;
  #messages: number;

  constructor(crowd: ClientCrowd, options: Throughput) {
    this.crowd = crowd;
    this.#options = options;
    this.#messages = options.rooms * options.window;
  }

  async warmUp(): Promise<void> {
    await this.crowd.verify();
    const { rooms, size, window, warmUpRounds = 3 } = this.#options;
    for (let round = 0; round < warmUpRounds; round++) {
      const { rate } = await this.run();
      const perRoom = Math.ceil(((rate / size) * (ROUND_MS / 1000)) / rooms);
      this.#messages = rooms * Math.min(MAX_MESSAGES, Math.max(window, perRoom));
    }
  }

  async run(): Promise<{ readonly rate: number; readonly busy: number }> {
    const { size, window } = this.#options;
    const { peer } = this.crowd;
    const cpuBefore = peer.cpuMs;
    const ms = await this.crowd.run({ messages: this.#messages, window });
    return { rate: (this.#messages * size * 1000) / ms, busy: (peer.cpuMs - cpuBefore) / ms };
  }
}

import type { ChildProcess } from "node:child_process";

import type { CrowdOptions, RoundOptions } from "./crowd.ts";
import type { Order, Report } from "./load.ts";
import type { Peer } from "./peer.ts";
import { LOAD_CORE, nextMessage, startModule, stopProcess } from "./process.ts";

/** Who is to connect to a peer. */
export interface Gathering extends Pick<CrowdOptions, "rooms" | "size"> {
  readonly isEcho?: boolean | undefined;
  /** The process that publishers connect to, when it is another one. */
  readonly publishTo?: Peer | undefined;
}

/** The process that holds every client. */
export class LoadGenerator implements AsyncDisposable {
  readonly #process: ChildProcess = startModule("load.ts", LOAD_CORE);
  #nextCrowd = 0;

  /** Connects clients to a peer; the milliseconds until all of them have joined are `openedMs`. */
  async open(peer: Peer, gathering: Gathering): Promise<ClientCrowd> {
    const { rooms, size, isEcho = false, publishTo = peer } = gathering;
    const crowd = this.#nextCrowd++;
    const options: CrowdOptions = {
      port: peer.port,
      publisherPort: publishTo.port,
      wire: peer.wire,
      rooms,
      size,
      isEcho,
    };
    const openedMs = toMs(await this.#ask({ kind: "open", crowd, options }));
    const ask = async (order: Order): Promise<Report> => await this.#ask(order);
    return new ClientCrowd(peer, { crowd, openedMs, ask });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stopProcess(this.#process);
  }

  async #ask(order: Order): Promise<Report> {
    this.#process.send(order);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what load.ts answers
    const report = (await nextMessage(this.#process)) as Report;
    if ("error" in report) throw new Error(report.error);
    return report;
  }
}

/** The clients of one peer. */
export class ClientCrowd {
  readonly peer: Peer;
  readonly openedMs: number;
  readonly #crowd: number;
  readonly #ask: (order: Order) => Promise<Report>;

  constructor(
    peer: Peer,
    options: {
      readonly crowd: number;
      readonly openedMs: number;
      readonly ask: (order: Order) => Promise<Report>;
    },
  ) {
    this.peer = peer;
    this.openedMs = options.openedMs;
    this.#crowd = options.crowd;
    this.#ask = options.ask;
  }

  /** Sees that a message to every room reaches everybody, whole and in the same form. */
  async verify(): Promise<void> {
    await this.#ask({ kind: "verify", crowd: this.#crowd });
  }

  async run(round: RoundOptions): Promise<number> {
    return toMs(await this.#ask({ kind: "run", crowd: this.#crowd, round }));
  }

  async time(
    messages: number,
    intervalMs: number,
  ): Promise<{ readonly p50: number; readonly p99: number }> {
    const order: Order = { kind: "time", crowd: this.#crowd, messages, intervalMs };
    const report = await this.#ask(order);
    if (!("p50" in report)) throw new Error("expected percentiles");
    return report;
  }

  async close(): Promise<void> {
    await this.#ask({ kind: "close", crowd: this.#crowd });
  }
}

function toMs(report: Report): number {
  if (!("ms" in report)) throw new Error("expected milliseconds");
  return report.ms;
}

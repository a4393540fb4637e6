import type { ChildProcess } from "node:child_process";

import {
  LOAD_CORE,
  nextMessage,
  SERVER_CORE,
  startModule,
  stopProcess,
} from "../channels/process.ts";
import { cpuTimeMs } from "../cpu-time.ts";
import type { ClientsOrder, ClientsReport } from "./clients.ts";
import type { PeerName } from "./message.ts";
import type { PublishOrder } from "./publisher.ts";
import type { ServerOrder } from "./server.ts";

/** What each program is told, and what it answers. */
interface Programs {
  readonly server: { readonly order: ServerOrder; readonly answer: number };
  readonly publisher: { readonly order: PublishOrder; readonly answer: string };
  readonly clients: { readonly order: ClientsOrder; readonly answer: string | ClientsReport };
}

/** One of the programs of this folder, in a process of its own. */
export class Child<TName extends keyof Programs> implements AsyncDisposable {
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  static async start<TName extends keyof Programs>(
    name: TName,
    peer?: PeerName,
    redisUrl = "",
  ): Promise<Child<TName>> {
    const core = name === "clients" ? LOAD_CORE : SERVER_CORE;
    const args = peer ? [peer, redisUrl] : [];
    const child = startModule(`../recovery/${name}.ts`, core, { args });
    await nextMessage(child);
    return new Child(child);
  }

  /** Milliseconds of processor time so far. */
  get cpuMs(): number {
    return cpuTimeMs(this.#process.pid);
  }

  /** Tells it something, and waits for the answer. */
  async ask(order: Programs[TName]["order"]): Promise<Programs[TName]["answer"]> {
    this.#process.send(order);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the program answers
    return (await nextMessage(this.#process)) as Programs[TName]["answer"];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stopProcess(this.#process);
  }
}

/** Has the clients wait for what is still under way, and tells how they have fared. */
export async function finish(clients: Child<"clients">, messages: number): Promise<ClientsReport> {
  const report = await clients.ask({ kind: "finish", messages });
  if (typeof report === "string") throw new Error("expected a report");
  return report;
}

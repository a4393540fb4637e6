import type { ChildProcess } from "node:child_process";
import cluster from "node:cluster";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex } from "node:stream";

import type { Logger } from "../core/logger.ts";
import type { StopOptions } from "../core/service.ts";
import { SharedMemoryHub } from "../layers/index.ts";
import type { ServerDescription } from "./banner.ts";
import type { ProcessSpec } from "./supervised-process.ts";
import { Supervisor } from "./supervisor.ts";
import { MEMORY_FD, SEAT_VARIABLE, type Announcement, type Seat } from "./worker-seat.ts";

/** What a {@link WorkerGroup} needs. */
export interface WorkerGroupOptions {
  /** How many workers. */
  readonly count: number;
  readonly logger: Logger;
  /** Where they listen. */
  readonly port: number;
  /** Called once, when all of them take requests. */
  readonly onStarted: (server: ServerDescription) => void;
}

/**
 * The workers of `serve --workers`: processes that run this very command, on one port.
 *
 * The first worker starts alone: what is wrong with the application it says once, and the others are
 * not even tried. When all take requests the start is over; from then on a worker that dies, for
 * whatever reason, is started again.
 *
 * Node's cluster holds the port in this process and hands connections to the workers in turn.
 * `reusePort` was not chosen: a second server on the same port would not be noticed, and what waits
 * for a worker that dies or hangs is lost with it.
 */
export class WorkerGroup {
  readonly #options: WorkerGroupOptions;
  readonly #hub = new SharedMemoryHub();
  /** What the workers share that a stream is not for, as long as this runs. */
  readonly #folder = mkdtempSync(join(tmpdir(), "tidings-workers-"));
  readonly #first: Supervisor;
  readonly #others: Supervisor;
  readonly #firstStarted = Promise.withResolvers<void>();
  readonly #started = new Set<number>();
  #isUp = false;

  constructor(options: WorkerGroupOptions) {
    this.#options = options;
    const { count, logger } = options;
    cluster.schedulingPolicy = cluster.SCHED_RR;
    cluster.setupPrimary({ stdio: ["inherit", "inherit", "inherit", "ipc", "pipe"] });
    const specs = Array.from({ length: count }, (_, index) => this.#toSpec(index + 1));
    const isFinal = (): boolean => !this.#isUp;
    this.#first = new Supervisor(specs.slice(0, 1), logger, isFinal);
    this.#others = new Supervisor(specs.slice(1), logger, isFinal);
  }

  /** Resolves when a worker cannot start; it has said why. */
  get failed(): Promise<void> {
    return Promise.race([this.#first.failed, this.#others.failed]);
  }

  /** Starts the first worker, and the others as soon as it takes requests. */
  async start(): Promise<void> {
    this.#first.start();
    await this.#firstStarted.promise;
    this.#others.start();
  }

  /** Sends every worker a signal. */
  signal(signal: NodeJS.Signals): void {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill(signal);
  }

  /** Stops every worker politely; kills those that live when the signal fires. */
  async stop(options: StopOptions): Promise<void> {
    await Promise.all([this.#first.stop(options), this.#others.stop(options)]);
    this.#hub.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #toSpec(number: number): ProcessSpec {
    let isFirstLaunch = true;
    return {
      name: `server worker ${number}`,
      isReady: isAnnouncement,
      launch: () => {
        const isSpeaker = number === 1 && isFirstLaunch;
        isFirstLaunch = false;
        const { port } = this.#options;
        return this.#launch({ number, port, folder: this.#folder, isSpeaker });
      },
    };
  }

  #launch(seat: Seat): ChildProcess {
    const { process: child } = cluster.fork({ [SEAT_VARIABLE]: JSON.stringify(seat) });
    const stream = child.stdio[MEMORY_FD];
    if (stream instanceof Duplex) this.#hub.connect(stream);
    child.on("message", (message: unknown) => {
      if (isAnnouncement(message)) this.#onStarted(seat, message.server);
    });
    return child;
  }

  #onStarted({ number }: Seat, server: ServerDescription): void {
    const { count, logger, onStarted } = this.#options;
    // Said here: what a worker has just logged is lost when it is killed at this moment.
    logger.info({ worker: number }, "server worker ready");
    this.#started.add(number);
    this.#firstStarted.resolve();
    if (this.#isUp || this.#started.size < count) return;
    this.#isUp = true;
    onStarted({ ...server, workers: count });
  }
}

function isAnnouncement(value: unknown): value is Announcement {
  return (
    typeof value === "object" &&
    value !== null &&
    "kind" in value &&
    value.kind === "tidings.worker-started"
  );
}

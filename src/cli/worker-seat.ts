import cluster from "node:cluster";
import { Socket } from "node:net";

import { joinSharedMemory } from "../layers/index.ts";
import { joinSharedFolder } from "../sqlite/index.ts";
import type { ServerDescription } from "./banner.ts";

/** Where a worker of `serve --workers` finds what it is told. */
export const SEAT_VARIABLE = "TIDINGS_WORKER_SEAT";
/** The stream over which workers share memory, behind the standard ones and Node's channel. */
export const MEMORY_FD = 4;

/** What a worker is told when it is started. */
export interface Seat {
  /** From 1 on; its successor has the same. */
  readonly number: number;
  readonly port: number;
  /** What the workers share that a stream is not for, as files. */
  readonly folder: string;
  /** Whether it says what is the same for all workers. */
  readonly isSpeaker: boolean;
}

/** What a worker says when it takes requests. */
export interface Announcement {
  readonly kind: "tidings.worker-started";
  readonly server: ServerDescription;
}

/**
 * Takes this process's place among the workers of `serve --workers`; nothing when it is none of them.
 *
 * From then on `memory:` layers, histories and presence are shared. What this process starts itself is no worker.
 */
export function takeSeat(): Seat | undefined {
  const text = process.env[SEAT_VARIABLE];
  delete process.env[SEAT_VARIABLE];
  if (text === undefined || !cluster.isWorker) return undefined;
  const seat: unknown = JSON.parse(text);
  if (!isSeat(seat)) throw new TypeError(`expected ${SEAT_VARIABLE} to be a seat`);
  joinSharedFolder(seat.folder);
  joinSharedMemory(new Socket({ fd: MEMORY_FD }).unref());
  return seat;
}

/** Tells the process that started this worker that it takes requests. */
export function announce(server: ServerDescription): void {
  process.send?.({ kind: "tidings.worker-started", server } satisfies Announcement);
}

/** Lets go of the process that started this worker, which would keep it alive. */
export function leaveSeat(): void {
  cluster.worker?.disconnect();
}

function isSeat(value: unknown): value is Seat {
  return (
    typeof value === "object" &&
    value !== null &&
    "number" in value &&
    "port" in value &&
    "folder" in value
  );
}

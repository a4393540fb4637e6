import type { TaskOptions } from "../../src/tasks/index.ts";

/** Long enough that a busy machine does not lose leases by itself, short enough that many are lost in two minutes. */
export const LEASE_MS = 5_000;

/** How often a worker shows that it is not standing still; what stands still for longer than `STALL_MS` is written down. */
export const BEAT_MS = 100;
export const STALL_MS = LEASE_MS / 10;

/** How many different first arguments limited tasks are called with. */
export const KEYS = 4;

const key = ([first]: readonly unknown[]): string => String(first);

/** A task of which two of one key may run at the same time. */
export const LIMITED: LimitedTask = {
  task: "torture.limited",
  limit: 2,
  options: { concurrency: { limit: 2, key } },
};

/** A task of which one of a key may wait or run. */
export const UNIQUE: LimitedTask = {
  task: "torture.unique",
  limit: 1,
  options: { unique: { key } },
};

interface LimitedTask {
  readonly task: string;
  /** How many of one key may run at the same time. */
  readonly limit: number;
  readonly options: TaskOptions & { readonly input?: undefined };
}

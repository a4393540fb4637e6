import { TidingsError } from "../../core/errors.ts";
import { Notifier } from "../../core/notifier.ts";
import { assertPositiveInteger } from "../../core/options.ts";
import { MemoryControl } from "../control/memory.ts";
import type { DeadLetterBounds } from "../dead-letters/dead-letter-store.ts";
import { MemoryDeadLetters } from "../dead-letters/memory.ts";
import type { LimitStore, WaitingTask } from "../limits/limit-store.ts";
import { MemoryLimits } from "../limits/memory.ts";
import type { EncodedMessage } from "../message/message.ts";
import { PRIORITY_STEPS, toPriorityStep } from "../priority.ts";
import type { Broker, CancelledMessage, Delivery, PutBackOptions, TakeRequest } from "./broker.ts";
import type { QueueContents, QueueCount } from "./queue-contents.ts";

/** How to make a {@link MemoryBroker}. */
export interface MemoryBrokerOptions {
  /** How many messages it holds; `publish` then throws STORAGE_UNAVAILABLE. @default 100_000 */
  readonly capacity?: number | undefined;
  /** The time in milliseconds, for tests. @default Date.now */
  readonly now?: (() => number) | undefined;
  /** How many dead letters it keeps, and how long. */
  readonly deadLetters?: DeadLetterBounds | undefined;
}

/** A message and what has happened to it. */
interface Entry {
  readonly id: string;
  queue: string;
  message: EncodedMessage;
  dueAt: number;
  leasedUntil: number | null;
  runs: number;
  lostLeases: number;
  cancelled: boolean;
}

/**
 * A broker in this process's memory, for tests.
 *
 * Delivery: at least once, within this process. Survives: nothing. Bound: `capacity` messages.
 */
export class MemoryBroker implements Broker {
  readonly control: MemoryControl = new MemoryControl();
  readonly limits: LimitStore;
  readonly deadLetters: MemoryDeadLetters;
  readonly #entries = new Map<string, Entry>();
  /** Those that nobody has, by queue and priority, in the order in which they become due. */
  readonly #waiting = new Map<string, Entry[]>();
  readonly #leased = new Map<string, Entry>();
  readonly #changes = new Notifier<void>();
  readonly #capacity: number;
  readonly #now: () => number;

  constructor({ capacity = 100_000, now = Date.now, deadLetters }: MemoryBrokerOptions = {}) {
    this.#capacity = assertPositiveInteger("capacity", capacity);
    this.#now = now;
    this.limits = new MemoryLimits({ now });
    this.deadLetters = new MemoryDeadLetters({
      ...deadLetters,
      now,
      acknowledge: (delivery) => this.acknowledge(delivery),
    });
  }

  async publish(
    queue: string,
    message: EncodedMessage,
    dueAt: number = this.#now(),
  ): Promise<boolean> {
    const { id } = message;
    if (this.#entries.has(id)) return false;
    if (this.#entries.size >= this.#capacity) {
      throw new TidingsError(
        "STORAGE_UNAVAILABLE",
        `the memory broker holds its ${this.#capacity} messages; start a worker, or use sqlite:`,
      );
    }
    const entry: Entry = {
      id,
      queue,
      message,
      dueAt,
      leasedUntil: null,
      runs: 0,
      lostLeases: 0,
      cancelled: false,
    };
    this.#entries.set(id, entry);
    this.#wait(entry);
    this.#changes.announce();
    return true;
  }

  async take({ queues, limit, leaseMs }: TakeRequest): Promise<readonly Delivery[]> {
    const now = this.#now();
    const taken: Entry[] = [];
    for (const lane of toLanes(queues)) {
      const waiting = this.#waiting.get(lane) ?? [];
      const firstLater = waiting.findIndex(({ dueAt }) => dueAt > now);
      const due = firstLater === -1 ? waiting.length : firstLater;
      taken.push(...waiting.splice(0, Math.min(due, limit - taken.length)));
    }
    for (const entry of taken) {
      entry.leasedUntil = now + leaseMs;
      entry.runs++;
      this.#leased.set(entry.id, entry);
    }
    return taken.map(({ id, queue, message, runs, lostLeases, cancelled }) => ({
      id,
      queue,
      message,
      runs,
      lostLeases,
      cancelled,
    }));
  }

  async nextDueAt(queues: readonly string[]): Promise<number | null> {
    const times = toLanes(queues)
      .map((lane) => this.#waiting.get(lane)?.[0]?.dueAt)
      .filter((time) => time !== undefined);
    return times.length === 0 ? null : Math.min(...times);
  }

  async renew(deliveries: readonly Delivery[], leaseMs: number): Promise<readonly Delivery[]> {
    const until = this.#now() + leaseMs;
    return deliveries.filter((delivery) => {
      const entry = this.#held(delivery);
      if (entry) entry.leasedUntil = until;
      return !entry;
    });
  }

  async reclaim(): Promise<number> {
    const now = this.#now();
    const expired = [...this.#leased.values()].filter(
      ({ leasedUntil }) => (leasedUntil ?? 0) <= now,
    );
    for (const entry of expired) {
      entry.lostLeases++;
      this.#release(entry);
    }
    if (expired.length > 0) this.#changes.announce();
    return expired.length;
  }

  async acknowledge(delivery: Delivery): Promise<boolean> {
    const entry = this.#held(delivery);
    if (!entry) return false;
    this.#leased.delete(entry.id);
    return this.#entries.delete(entry.id);
  }

  async putBack(
    delivery: Delivery,
    { message, queue, dueAt }: PutBackOptions = {},
  ): Promise<boolean> {
    const entry = this.#held(delivery);
    if (!entry) return false;
    const now = this.#now();
    // Whoever only waits for its time has not run.
    if (!message && !entry.cancelled && dueAt !== undefined && dueAt > now) entry.runs--;
    entry.message = message ?? entry.message;
    entry.queue = queue ?? entry.queue;
    entry.dueAt = entry.cancelled ? now : (dueAt ?? now);
    this.#release(entry);
    this.#changes.announce();
    return true;
  }

  async cancel(id: string): Promise<CancelledMessage | null> {
    const entry = this.#entries.get(id);
    if (!entry) return null;
    entry.cancelled = true;
    const running = this.#leased.has(id);
    if (!running) {
      this.#unwait(entry);
      entry.dueAt = Math.min(entry.dueAt, this.#now());
      this.#wait(entry);
    }
    this.#changes.announce();
    return { queue: entry.queue, message: entry.message, running };
  }

  async discard(id: string): Promise<void> {
    const entry = this.#entries.get(id);
    if (!entry?.cancelled || this.#leased.has(id)) return;
    this.#unwait(entry);
    this.#entries.delete(id);
  }

  async hasten(tasks: readonly WaitingTask[]): Promise<void> {
    for (const { id } of tasks) {
      const entry = this.#entries.get(id);
      if (!entry || this.#leased.has(id)) continue;
      this.#unwait(entry);
      entry.dueAt = Math.min(entry.dueAt, this.#now());
      this.#wait(entry);
    }
    this.#changes.announce();
  }

  now(): number {
    return this.#now();
  }

  async listCancelled(): Promise<readonly string[]> {
    return [...this.#leased.values()].filter(({ cancelled }) => cancelled).map(({ id }) => id);
  }

  get contents(): QueueContents {
    return {
      list: async () =>
        [...new Set([...this.#entries.values()].map(({ queue }) => queue))].toSorted(),
      count: async (queue) => this.#count(queue),
      purge: async (queue) => this.#purge(queue),
    };
  }

  onChange(listener: () => void): () => void {
    return this.#changes.subscribe(listener);
  }

  async close(): Promise<void> {
    this.#entries.clear();
    this.#waiting.clear();
    this.#leased.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #count(queue: string): QueueCount {
    const now = this.#now();
    const unleased = toLanes([queue]).flatMap((lane) => this.#waiting.get(lane) ?? []);
    const waiting = unleased.filter(({ dueAt }) => dueAt <= now).length;
    const taken = [...this.#leased.values()].filter((entry) => entry.queue === queue).length;
    return { waiting, delayed: unleased.length - waiting, taken };
  }

  #purge(queue: string): number {
    const lanes = toLanes([queue]);
    const purged = lanes.flatMap((lane) => this.#waiting.get(lane) ?? []);
    for (const lane of lanes) this.#waiting.delete(lane);
    for (const { id } of purged) this.#entries.delete(id);
    return purged.length;
  }

  #held({ id, runs }: Delivery): Entry | undefined {
    const entry = this.#leased.get(id);
    return entry?.runs === runs ? entry : undefined;
  }

  #release(entry: Entry): void {
    entry.leasedUntil = null;
    this.#leased.delete(entry.id);
    this.#wait(entry);
  }

  /** Puts an entry where it belongs: behind all that are due no later. */
  #wait(entry: Entry): void {
    const lane = laneOf(entry);
    const waiting = this.#waiting.get(lane) ?? [];
    this.#waiting.set(lane, waiting);
    const index = waiting.findLastIndex(({ dueAt }) => dueAt <= entry.dueAt);
    waiting.splice(index + 1, 0, entry);
  }

  #unwait(entry: Entry): void {
    const waiting = this.#waiting.get(laneOf(entry)) ?? [];
    const index = waiting.indexOf(entry);
    if (index !== -1) waiting.splice(index, 1);
  }
}

/** The lanes of queues: all that come first, then all that come next. */
function toLanes(queues: readonly string[]): readonly string[] {
  return PRIORITY_STEPS.flatMap((step) => queues.map((queue) => `${step} ${queue}`));
}

function laneOf({ queue, message }: Entry): string {
  return `${toPriorityStep(message.properties.priority)} ${queue}`;
}

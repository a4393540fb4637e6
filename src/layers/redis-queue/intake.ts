import { setTimeout as delay } from "node:timers/promises";

import { backoffMs } from "../../core/backoff.ts";
import type { QueueHost } from "./host.ts";
import { isRedisError, QueueSource, type QueuedMessage } from "./source.ts";

/** An intake that nobody has wanted for so long closes its connections. */
const IDLE_MS = 30_000;
/** How long a host may take to answer at first, before the others are read without it. */
const FIRST_ANSWER_MS = 3_000;
/** How long a closing intake waits for reads that are under way. */
const CLOSE_TIMEOUT_MS = 2_000;

/** What an {@link Intake} takes, and for whom. */
export interface IntakeOptions {
  /** The queue of the channel. */
  readonly key: string;
  readonly hosts: readonly QueueHost[];
  /** How many messages would find a reader now. */
  readonly demand: () => number;
  /** Takes a message; `false` when it has no reader any more. It MUST NOT throw. */
  readonly offer: (message: QueuedMessage) => boolean;
  /** Nobody has waited for long: it is over, and another one is needed. */
  readonly onIdle: () => void;
  readonly reclaimAfterMs: number;
  readonly expirySeconds: number;
}

/**
 * Takes messages of one general channel from every host, while somebody waits for them.
 *
 * What nobody wants stays in Redis, where another process can have it; what was taken and has lost
 * its reader goes back with its time of sending. Over several hosts the oldest message goes first, so
 * the first of all is taken when each host answers that is not known to be away.
 */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #sources: readonly QueueSource[];
  readonly #closing = new AbortController();
  /** Sources that do not answer yet, or no longer. */
  readonly #healing = new Map<QueueSource, Promise<void>>();
  readonly #puttingBack = new Set<Promise<void>>();
  #running: Promise<void> | undefined;
  #onDemand: (() => void) | undefined;
  #refusals = 0;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#sources = options.hosts.map(
      (host) => new QueueSource(host, options.key, this.#closing.signal),
    );
    // One that cannot be reached must not hold up the others.
    for (const source of this.#sources) this.#heal(source);
  }

  /** Somebody waits who did not before. */
  start(): void {
    if (this.#closing.signal.aborted) return;
    this.#onDemand?.();
    this.#running ??= this.#run();
  }

  /** Somebody has stopped waiting. */
  settle(): void {
    if (this.#options.demand() === 0) void this.#release();
  }

  /** Ends it, once what is under way has arrived and is back in Redis. */
  async close(): Promise<void> {
    const limit = new AbortController();
    await Promise.race([
      this.#end(),
      // What does not end by then is cut off.
      delay(CLOSE_TIMEOUT_MS, undefined, { signal: limit.signal }).catch(() => undefined),
    ]);
    limit.abort();
    this.#closing.abort();
    await this.#closeSources();
  }

  async #end(): Promise<void> {
    await this.#release();
    this.#closing.abort();
    this.#onDemand?.();
    await this.#running;
    await Promise.all(this.#puttingBack);
  }

  async #run(): Promise<void> {
    await this.#meet();
    while (!this.#closing.signal.aborted) {
      if (this.#options.demand() > 0) await this.#take();
      else if (!(await this.#nextDemand())) break;
    }
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#options.onIdle();
    await this.#closeSources();
  }

  async #meet(): Promise<void> {
    const expected = [...this.#healing].filter(([{ host }]) => !host.isBroken);
    const met = new AbortController();
    await Promise.race([
      Promise.all(expected.map(([, answer]) => answer)),
      delay(FIRST_ANSWER_MS, undefined, { signal: met.signal }).catch(() => undefined),
    ]);
    met.abort();
  }

  async #take(): Promise<void> {
    // What is on its way back may be the oldest of all.
    await Promise.all(this.#puttingBack);
    const sources = this.#sources.filter((source) => !this.#healing.has(source));
    if (sources.length === 0) {
      await Promise.race(this.#healing.values());
      return;
    }
    await this.#reclaim(sources);
    if (!(await this.#takeOldest(sources))) await this.#wait(sources);
    if (this.#refusals > 0) await this.#pause();
  }

  async #reclaim(sources: readonly QueueSource[]): Promise<void> {
    const { reclaimAfterMs } = this.#options;
    await Promise.all(
      sources.map((source) => this.#attempt(source, () => source.reclaim(reclaimAfterMs))),
    );
  }

  /** Takes what is there; `false` when there is nothing. */
  async #takeOldest(sources: readonly QueueSource[]): Promise<boolean> {
    const demand = this.#options.demand();
    const source = sources.length === 1 ? sources[0] : await this.#oldestOf(sources);
    if (!source || (sources.length === 1 && demand === 1)) return false;
    const count = sources.length === 1 ? demand : 1;
    const messages = (await this.#attempt(source, () => source.take(count))) ?? [];
    for (const message of messages) this.#handOver(source, message);
    return messages.length > 0;
  }

  async #oldestOf(sources: readonly QueueSource[]): Promise<QueueSource | undefined> {
    const heads = await Promise.all(
      sources.map(async (source) => ({
        source,
        score: await this.#attempt(source, () => source.oldest()),
      })),
    );
    let oldest: { readonly source: QueueSource; readonly score: number } | undefined;
    for (const { source, score } of heads) {
      if (score !== undefined && !(oldest && oldest.score <= score)) oldest = { source, score };
    }
    return oldest?.source;
  }

  /** Waits on every host; the first message ends the wait on the others. */
  async #wait(sources: readonly QueueSource[]): Promise<void> {
    const { demand, reclaimAfterMs } = this.#options;
    // Nobody waits any more, or a host answers again meanwhile: what released others came too early.
    if (demand() === 0 || this.#sources.length - this.#healing.size > sources.length) return;
    await Promise.all(
      sources.map(async (source) => {
        const messages = (await this.#attempt(source, () => source.wait(reclaimAfterMs))) ?? [];
        for (const message of messages) this.#handOver(source, message);
        if (messages.length > 0 || this.#healing.has(source)) await this.#release();
      }),
    );
  }

  #handOver(source: QueueSource, message: QueuedMessage): void {
    if (this.#options.offer(message)) {
      this.#refusals = 0;
      return;
    }
    if (this.#options.demand() > 0) this.#refusals++;
    const puttingBack = this.#putBack(source, message);
    this.#puttingBack.add(puttingBack);
    void puttingBack.finally(() => this.#puttingBack.delete(puttingBack));
  }

  async #putBack(source: QueueSource, message: QueuedMessage): Promise<void> {
    for (;;) {
      try {
        await source.putBack(message, this.#options.expirySeconds);
        return;
      } catch (error) {
        if (!isRedisError(error)) throw error;
        if (this.#closing.signal.aborted) return;
        await source.heal();
      }
    }
  }

  /** A listener without room: asking again at once would only move messages to and fro. */
  async #pause(): Promise<void> {
    const waitMs = backoffMs(this.#refusals, { baseMs: 5, maxMs: 1_000, jitter: false });
    await delay(waitMs, undefined, { signal: this.#closing.signal }).catch(() => undefined);
  }

  /** Does something with a source; one that fails is left out until it answers again. */
  async #attempt<T>(source: QueueSource, task: () => Promise<T>): Promise<T | undefined> {
    try {
      return await task();
    } catch (error) {
      if (!isRedisError(error)) throw error;
      this.#heal(source);
      return undefined;
    }
  }

  #heal(source: QueueSource): void {
    if (this.#healing.has(source)) return;
    const healing = source.heal().finally(() => {
      this.#healing.delete(source);
      void this.#release();
    });
    this.#healing.set(source, healing);
  }

  async #release(): Promise<void> {
    await Promise.all(this.#sources.map((source) => source.release()));
  }

  /** Waits until somebody waits; `false` when nobody does for long. */
  async #nextDemand(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), IDLE_MS);
    timer.unref();
    this.#onDemand = () => resolve(true);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#onDemand = undefined;
    }
  }

  async #closeSources(): Promise<void> {
    await Promise.all(this.#sources.map((source) => source.close()));
  }
}

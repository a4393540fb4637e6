import { backoffMs } from "../core/backoff.ts";
import { toError } from "../core/errors.ts";
import { ping } from "./command-lane.ts";
import { RedisRefusal, RedisUnavailable } from "./redis-errors.ts";
import type { DialRedis, RedisLink } from "./redis-link.ts";
import type { RedisBounds } from "./redis-options.ts";
import type { RedisGap } from "./redis.ts";
import { within } from "./within.ts";

/** How many channels one SUBSCRIBE names, so that a command stays small. */
const MAX_BATCH = 1_000;

/** What the subscriptions of a connection need. */
export interface SubscriptionsOptions {
  readonly dial: DialRedis;
  readonly bounds: RedisBounds;
  /** SSUBSCRIBE instead of SUBSCRIBE. */
  readonly isSharded: boolean;
  readonly onMessage: (channel: string, payload: Buffer) => void;
  readonly onGap: (gap: RedisGap) => void;
  /** Asks whether the link is of use still; rejects when it is not. @default PING */
  readonly probeListener?: ((link: RedisLink) => Promise<unknown>) | undefined;
  /** Called when the link breaks or cannot be made. */
  readonly onTrouble?: ((error: Error) => void) | undefined;
  /** Called when Redis refuses a channel, which is then no longer wanted here. */
  readonly onRefusal?: ((channel: string, refusal: RedisRefusal) => void) | undefined;
}

/**
 * The channels that one connection hears, kept alive over breaks.
 *
 * What is wanted and what the link has are two sets; `#settle` is the only place that makes the one
 * into the other, a batch at a time. So adding, dropping and adding again in one moment costs at most
 * one command each, in order, and many joins in one moment are one SUBSCRIBE. Bound: as many channels
 * as the caller wants.
 */
export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  readonly #wanted = new Map<string, { wasHeard: boolean }>();
  /** Who waits for a channel to be heard; most channels have nobody. */
  readonly #waiters = new Map<string, Set<Waiter>>();
  /** What the link has been told, and has confirmed. */
  readonly #live = new Set<string>();
  /** Channels that may differ between the two. */
  readonly #changed = new Set<string>();
  #link: RedisLink | undefined;
  #isConnecting = false;
  #isSettling = false;
  #failures = 0;
  #lastFailure: Error | undefined;
  /** When the link that broke last gave a sign of life, until everything is heard again. */
  #gapFrom: number | undefined;
  #lastSign = 0;
  #retry: NodeJS.Timeout | undefined;
  #ping: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  /** When something was last heard, in milliseconds since 1970; now, if nothing is amiss. */
  get lastSign(): number {
    return this.#gapFrom ?? Date.now();
  }

  /** Whether the channel is heard, or will be when Redis is there. */
  has(channel: string): boolean {
    return this.#wanted.has(channel);
  }

  /**
   * Resolves when the channel is heard; rejects when that takes too long.
   *
   * The channel is given up then, unless it was heard before: others count on it after a break.
   */
  async add(channel: string): Promise<void> {
    if (this.#isClosed) throw new RedisUnavailable("the connection to Redis is closed");
    if (!this.#wanted.has(channel)) {
      this.#wanted.set(channel, { wasHeard: false });
      this.#changed.add(channel);
    }
    if (this.#live.has(channel)) return;
    const waiters = this.#waiters.get(channel) ?? new Set();
    this.#waiters.set(channel, waiters);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { resolve, reject };
    waiters.add(waiter);
    const giveUp = (): void => {
      waiters.delete(waiter);
      if (waiters.size === 0 && !this.#wanted.get(channel)?.wasHeard) this.drop(channel);
      reject(this.#unavailable());
    };
    // What has come while the process stood still is read first.
    let afterRead: NodeJS.Immediate | undefined;
    const timer = setTimeout(() => {
      afterRead = setImmediate(giveUp);
    }, this.#options.bounds.commandTimeoutMs);
    this.#settleSoon();
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      clearImmediate(afterRead);
    }
  }

  /** Hears the channel no more; Redis is told when it can be. */
  drop(channel: string): void {
    if (!this.#wanted.delete(channel)) return;
    for (const waiter of this.#takeWaiters(channel)) {
      waiter.reject(new RedisUnavailable("no longer subscribed"));
    }
    this.#changed.add(channel);
    this.#settleSoon();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    clearInterval(this.#ping);
    this.#link?.close();
    this.#link = undefined;
    for (const channel of this.#waiters.keys()) {
      for (const waiter of this.#takeWaiters(channel)) waiter.reject(this.#unavailable());
    }
    this.#wanted.clear();
    this.#live.clear();
  }

  #settleSoon(): void {
    if (this.#isClosed || this.#isSettling) return;
    if (!this.#link) {
      if (this.#wanted.size > 0) this.#connect();
      return;
    }
    this.#isSettling = true;
    // A microtask later, so that all that is wanted in one moment goes in one command.
    queueMicrotask(() => void this.#settle());
  }

  async #settle(): Promise<void> {
    const link = this.#link;
    try {
      while (link && link === this.#link && this.#changed.size > 0) await this.#settleBatch(link);
      if (link && link === this.#link) this.#endGap();
    } catch (error) {
      if (link) this.#cut(link, toError(error));
    } finally {
      this.#isSettling = false;
    }
    if (this.#changed.size > 0 || !this.#link) this.#settleSoon();
  }

  async #settleBatch(link: RedisLink): Promise<void> {
    const { isSharded } = this.#options;
    const added: string[] = [];
    const dropped: string[] = [];
    for (const channel of this.#changed) {
      if (added.length + dropped.length >= MAX_BATCH) break;
      this.#changed.delete(channel);
      const isWanted = this.#wanted.has(channel);
      if (isWanted === this.#live.has(channel)) continue;
      (isWanted ? added : dropped).push(channel);
      // Not only when it is confirmed: whoever adds the channel meanwhile must wait for the next batch.
      if (!isWanted) this.#live.delete(channel);
    }
    await Promise.all([
      dropped.length > 0 && this.#bounded(link.unsubscribe(dropped, isSharded)),
      added.length > 0 && this.#subscribe(link, added),
    ]);
  }

  /** A channel that Redis refuses (by an ACL, or on a cluster) is no reason for the others to miss it. */
  async #subscribe(link: RedisLink, channels: readonly string[]): Promise<void> {
    try {
      await this.#bounded(link.subscribe(channels, this.#options.isSharded));
      if (link === this.#link) for (const channel of channels) this.#enterLive(channel);
    } catch (error) {
      if (!(error instanceof RedisRefusal)) throw error;
      const [channel = "", ...others] = channels;
      if (others.length === 0) return this.#refuse(channel, error);
      for (const one of channels) await this.#subscribe(link, [one]);
    }
  }

  #refuse(channel: string, refusal: RedisRefusal): void {
    this.#wanted.delete(channel);
    for (const waiter of this.#takeWaiters(channel)) waiter.reject(refusal);
    this.#options.onRefusal?.(channel, refusal);
  }

  #enterLive(channel: string): void {
    this.#live.add(channel);
    const wanted = this.#wanted.get(channel);
    if (wanted) wanted.wasHeard = true;
    for (const waiter of this.#takeWaiters(channel)) waiter.resolve();
  }

  #takeWaiters(channel: string): Iterable<Waiter> {
    const waiters = this.#waiters.get(channel);
    this.#waiters.delete(channel);
    return waiters ?? [];
  }

  #connect(): void {
    if (this.#isConnecting || this.#isClosed) return;
    this.#isConnecting = true;
    const { backoff } = this.#options.bounds;
    const waitMs = this.#failures === 0 ? 0 : backoffMs(this.#failures - 1, backoff);
    this.#retry = setTimeout(() => void this.#open(), waitMs);
  }

  async #open(): Promise<void> {
    let link: RedisLink | undefined;
    try {
      link = await this.#options.dial({
        onMessage: (channel, payload) => {
          this.#lastSign = Date.now();
          this.#options.onMessage(channel, payload);
        },
        onBreak: (error) => link && this.#cut(link, error),
      });
      this.#isConnecting = false;
      if (this.#isClosed) link.close();
      else this.#enter(link);
    } catch (error) {
      this.#isConnecting = false;
      this.#fail(toError(error));
      this.#settleSoon();
    }
  }

  #enter(link: RedisLink): void {
    this.#link = link;
    this.#lastSign = Date.now();
    for (const channel of this.#wanted.keys()) this.#changed.add(channel);
    this.#ping = setInterval(() => void this.#check(link), this.#options.bounds.pingIntervalMs);
    this.#ping.unref();
    this.#settleSoon();
  }

  /** A link that does not answer in time is taken for dead, although nothing has closed it. */
  async #check(link: RedisLink): Promise<void> {
    const { probeListener = ping } = this.#options;
    try {
      await this.#bounded(probeListener(link));
      this.#lastSign = Date.now();
    } catch (error) {
      this.#cut(link, toError(error));
    }
  }

  #cut(link: RedisLink, error: Error): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    clearInterval(this.#ping);
    link.close();
    if (this.#live.size > 0) this.#gapFrom ??= this.#lastSign;
    this.#live.clear();
    this.#changed.clear();
    this.#fail(error);
    this.#settleSoon();
  }

  #fail(error: Error): void {
    this.#failures++;
    this.#lastFailure = error;
    this.#options.onTrouble?.(error);
  }

  #endGap(): void {
    this.#failures = 0;
    const from = this.#gapFrom;
    if (from === undefined) return;
    this.#gapFrom = undefined;
    if (this.#wanted.size > 0) this.#options.onGap({ from, to: Date.now() });
  }

  /** A reply that does not come in time is a link that is dead. */
  async #bounded(reply: Promise<unknown>): Promise<void> {
    await within(this.#options.bounds.commandTimeoutMs, reply);
  }

  #unavailable(): RedisUnavailable {
    if (this.#isClosed) return new RedisUnavailable("the connection to Redis is closed");
    const cause = this.#lastFailure;
    return new RedisUnavailable(cause?.message ?? "cannot subscribe in time", { cause });
  }
}

interface Waiter {
  resolve(): void;
  reject(error: Error): void;
}

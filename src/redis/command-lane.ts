import { backoffMs } from "../core/backoff.ts";
import { toError } from "../core/errors.ts";
import { Roster } from "../core/roster.ts";
import { RedisRefusal, RedisUnavailable } from "./redis-errors.ts";
import type { DialRedis, RedisLink } from "./redis-link.ts";
import type { RedisBounds } from "./redis-options.ts";
import type { RedisArgument, RedisCommandOptions, RedisConnection, RedisReply } from "./redis.ts";
import { within } from "./within.ts";

/** What a lane runs on its link. */
export type LaneTask<T> = (link: RedisLink) => Promise<T>;

/** What makes one lane different from another. */
export interface CommandLaneOptions {
  readonly dial: DialRedis;
  readonly bounds: RedisBounds;
  /** Commands that block have no limit but their own, and no pings between them. */
  readonly isBlocking?: boolean | undefined;
  /** Asks whether the link is of use still; rejects when it is not. @default PING */
  readonly probe?: ((link: RedisLink) => Promise<unknown>) | undefined;
  /** Called when the link breaks or cannot be made. */
  readonly onTrouble?: ((error: Error) => void) | undefined;
}

/** A command that waits for the link, or for its reply. */
interface Pending {
  readonly bytes: number;
  readonly run: (link: RedisLink) => void;
  readonly reject: (error: Error) => void;
  /** Whether it says itself how long it may take. */
  readonly hasLimit: boolean;
  /** How to hear no more of its signal. */
  readonly leave: (() => void) | undefined;
  /** When it fails, by `performance.now`. */
  deadline: number;
  /** What it was sent on, and when. */
  link: RedisLink | undefined;
  sentAt: number;
  place: number;
}

/**
 * Runs commands over a link that is made anew after it broke.
 *
 * Commands keep their order. They wait for the link, and those that were under way when it broke
 * fail: they may have run. Bounds: `maxPendingCommands` and `maxPendingBytes` count those that wait
 * for the link and those that wait for a reply; the next one fails at once.
 */
export class CommandLane implements RedisConnection {
  readonly #dial: DialRedis;
  readonly #bounds: RedisBounds;
  readonly #isBlocking: boolean;
  readonly #probe: (link: RedisLink) => Promise<unknown>;
  readonly #onTrouble: ((error: Error) => void) | undefined;
  /** Those that wait for the link, in their order. */
  readonly #waiting = new Set<Pending>();
  /** Those that wait for the link or a reply. */
  readonly #pending = new Roster<Pending>();
  #link: RedisLink | undefined;
  #isConnecting = false;
  #failures = 0;
  #lastFailure: Error | undefined;
  #retry: NodeJS.Timeout | undefined;
  #ping: NodeJS.Timeout | undefined;
  /** When something came of a command last. */
  #heardAt = 0;
  #pendingBytes = 0;
  /** Looks for commands that have waited for too long, at the first time when there may be one. */
  #watch: NodeJS.Timeout | undefined;
  #watchAt = Infinity;
  #isClosed = false;

  constructor({ dial, bounds, isBlocking = false, probe = ping, onTrouble }: CommandLaneOptions) {
    this.#dial = dial;
    this.#bounds = bounds;
    this.#isBlocking = isBlocking;
    this.#probe = probe;
    this.#onTrouble = onTrouble;
  }

  command(args: readonly RedisArgument[], options?: RedisCommandOptions): Promise<RedisReply> {
    return this.run((link) => link.command(args), sizeOf(args), options);
  }

  /** Runs a task on the link; `bytes` is what it will write. */
  run<T>(
    task: LaneTask<T>,
    bytes: number,
    { signal, timeoutMs }: RedisCommandOptions = {},
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      this.#assertRoom(bytes);
      const onAbort = (): void => this.#giveUp(pending, toError(signal?.reason));
      const pending: Pending = {
        bytes,
        run: (link) => {
          task(link).then(
            (result) => resolve(this.#hear(pending, result)),
            (error: unknown) => this.#refuse(pending, toError(error)),
          );
        },
        reject,
        hasLimit: timeoutMs !== undefined,
        leave: signal && (() => signal.removeEventListener("abort", onAbort)),
        deadline: performance.now() + (timeoutMs ?? this.#bounds.commandTimeoutMs),
        link: undefined,
        sentAt: 0,
        place: -1,
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      pending.place = this.#pending.add(pending);
      this.#pendingBytes += bytes;
      this.#watchFrom(pending.deadline);
      if (this.#link && this.#waiting.size === 0) this.#start(pending, this.#link);
      else {
        this.#waiting.add(pending);
        this.#connect();
      }
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#watch);
    clearInterval(this.#ping);
    const link = this.#link;
    this.#link = undefined;
    for (const pending of this.#pending) this.#giveUp(pending, this.#unavailable());
    link?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #start(pending: Pending, link: RedisLink): void {
    pending.link = link;
    pending.sentAt = performance.now();
    if (this.#isBlocking && !pending.hasLimit) pending.deadline = Infinity;
    pending.run(link);
  }

  #refuse(pending: Pending, error: Error): void {
    const { link } = pending;
    if (link && error instanceof RedisRefusal && error.is("READONLY")) this.#cut(link, error);
    pending.reject(this.#hear(pending, error));
  }

  /** Something came of it, which is returned. */
  #hear<T>(pending: Pending, outcome: T): T {
    this.#heardAt = performance.now();
    this.#release(pending);
    return outcome;
  }

  #release(pending: Pending): void {
    this.#pending.remove(pending.place);
    this.#pendingBytes -= pending.bytes;
    pending.leave?.();
  }

  /** It is waited for no longer; what was sent counts until something comes of it. */
  #giveUp(pending: Pending, error: Error): void {
    if (this.#waiting.delete(pending)) this.#release(pending);
    pending.deadline = Infinity;
    pending.reject(error);
  }

  /** One timer for all: most commands are answered long before. */
  #watchFrom(deadline: number): void {
    if (deadline >= this.#watchAt) return;
    clearTimeout(this.#watch);
    this.#watchAt = deadline;
    const waitMs = Math.max(deadline - performance.now(), 0);
    // What has come while the process stood still is read first.
    this.#watch = setTimeout(() => setImmediate(() => this.#expire()), waitMs);
    // The connection, or the wait for it, keeps the process alive.
    this.#watch.unref();
  }

  #expire(): void {
    this.#watchAt = Infinity;
    const now = performance.now();
    let next = Infinity;
    for (const pending of this.#pending) {
      const { deadline, link, sentAt } = pending;
      if (deadline > now) {
        next = Math.min(next, deadline);
        continue;
      }
      this.#giveUp(pending, this.#timeoutError(link !== undefined));
      if (link) this.#suspect(link, sentAt);
    }
    this.#watchFrom(next);
  }

  #connect(): void {
    if (this.#isConnecting || this.#isClosed) return;
    this.#isConnecting = true;
    const waitMs = this.#failures === 0 ? 0 : backoffMs(this.#failures - 1, this.#bounds.backoff);
    this.#retry = setTimeout(() => void this.#open(), waitMs);
  }

  async #open(): Promise<void> {
    let link: RedisLink | undefined;
    try {
      link = await this.#dial({
        onMessage: () => undefined,
        onBreak: (error) => link && this.#cut(link, error),
      });
      this.#isConnecting = false;
      if (this.#isClosed) link.close();
      else this.#enter(link);
    } catch (error) {
      this.#isConnecting = false;
      this.#failures++;
      this.#trouble(toError(error));
      if (this.#waiting.size > 0) this.#connect();
    }
  }

  #enter(link: RedisLink): void {
    this.#link = link;
    this.#failures = 0;
    if (!this.#isBlocking) {
      this.#ping = setInterval(() => this.#check(link), this.#bounds.pingIntervalMs);
      this.#ping.unref();
    }
    for (const pending of this.#waiting) {
      this.#waiting.delete(pending);
      this.#start(pending, link);
    }
  }

  /** A command had no answer in time. When nothing else has come meanwhile, the link is dead. */
  #suspect(link: RedisLink, sentAt: number): void {
    const silentMs = performance.now() - Math.max(sentAt, this.#heardAt);
    // Timers may fire a little early. What blocks stands in the way of whatever comes after it.
    const isDead = this.#isBlocking || silentMs > this.#bounds.commandTimeoutMs - 10;
    if (isDead) this.#cut(link, new RedisUnavailable("Redis does not answer"));
  }

  /** A link that does not answer in time is taken for dead, although nothing has closed it. */
  #check(link: RedisLink): void {
    within(this.#bounds.commandTimeoutMs, this.#probe(link)).catch((error: unknown) =>
      this.#cut(link, toError(error)),
    );
  }

  #cut(link: RedisLink, error: Error): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    clearInterval(this.#ping);
    link.close();
    this.#trouble(error);
  }

  #trouble(error: Error): void {
    this.#lastFailure = error;
    this.#onTrouble?.(error);
  }

  #assertRoom(bytes: number): void {
    if (this.#isClosed) throw this.#unavailable();
    const { maxPendingCommands, maxPendingBytes } = this.#bounds;
    if (this.#pending.size >= maxPendingCommands) {
      throw new RedisUnavailable(`${maxPendingCommands} commands wait for Redis already`);
    }
    if (this.#pending.size > 0 && this.#pendingBytes + bytes > maxPendingBytes) {
      throw new RedisUnavailable(`${maxPendingBytes} bytes of commands wait for Redis already`);
    }
  }

  #timeoutError(wasSent: boolean): RedisUnavailable {
    if (!wasSent) return this.#unavailable();
    return new RedisUnavailable("Redis did not answer in time", { wasSent });
  }

  #unavailable(): RedisUnavailable {
    if (this.#isClosed) return new RedisUnavailable("the connection to Redis is closed");
    const cause = this.#lastFailure;
    return new RedisUnavailable(cause?.message ?? "cannot connect to Redis in time", { cause });
  }
}

/** The question that every Redis answers. */
export async function ping(link: RedisLink): Promise<void> {
  await link.command(["PING"]);
}

/** The bytes of a command, nearly: text counts as ASCII. */
export function sizeOf(args: readonly RedisArgument[]): number {
  let bytes = 0;
  for (const argument of args) bytes += argument.length;
  return bytes;
}

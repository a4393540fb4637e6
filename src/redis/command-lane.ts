import { backoffMs } from "../core/backoff.ts";
import { toError } from "../core/errors.ts";
import { Roster } from "../core/roster.ts";
import { RedisRefusal, RedisUnavailable } from "./redis-errors.ts";
import type { DialRedis, RedisLink } from "./redis-link.ts";
import type { RedisBounds } from "./redis-options.ts";
import type { RedisArgument, RedisCommandOptions, RedisConnection, RedisReply } from "./redis.ts";

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
  readonly #waiting = new Set<() => void>();
  #link: RedisLink | undefined;
  #isConnecting = false;
  #failures = 0;
  #lastFailure: Error | undefined;
  #retry: NodeJS.Timeout | undefined;
  #ping: NodeJS.Timeout | undefined;
  /** When something came of a command last. */
  #heardAt = 0;
  #pendingCount = 0;
  #pendingBytes = 0;
  #isClosed = false;
  readonly #closing = new Roster<(error: Error) => void>();

  constructor({ dial, bounds, isBlocking = false, probe = ping, onTrouble }: CommandLaneOptions) {
    this.#dial = dial;
    this.#bounds = bounds;
    this.#isBlocking = isBlocking;
    this.#probe = probe;
    this.#onTrouble = onTrouble;
  }

  async command(
    args: readonly RedisArgument[],
    options?: RedisCommandOptions,
  ): Promise<RedisReply> {
    return await this.run((link) => link.command(args), sizeOf(args), options);
  }

  /** Runs a task on the link; `bytes` is what it will write. */
  async run<T>(
    task: LaneTask<T>,
    bytes: number,
    { signal, timeoutMs }: RedisCommandOptions = {},
  ): Promise<T> {
    signal?.throwIfAborted();
    this.#assertRoom(bytes);
    this.#pendingCount++;
    this.#pendingBytes += bytes;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    let isWaiting = true;
    let link: RedisLink | undefined;
    let sentAt = 0;
    const release = (): void => {
      this.#pendingCount--;
      this.#pendingBytes -= bytes;
    };
    const fail = (error: Error): void => {
      if (isWaiting && this.#waiting.delete(start)) release();
      reject(error);
    };
    const onTimeout = (): void => {
      fail(this.#timeoutError(!isWaiting));
      if (link) this.#suspect(link, sentAt);
    };
    const timer = setTimeout(onTimeout, timeoutMs ?? this.#bounds.commandTimeoutMs);
    const onAbort = (): void => fail(toError(signal?.reason));
    const start = (): void => {
      isWaiting = false;
      if (this.#isBlocking && timeoutMs === undefined) clearTimeout(timer);
      const used = this.#link;
      if (!used) return fail(this.#unavailable());
      link = used;
      sentAt = performance.now();
      task(used)
        .then(resolve, (error: unknown) => {
          if (error instanceof RedisRefusal && error.is("READONLY")) this.#cut(used, error);
          reject(toError(error));
        })
        .finally(() => {
          this.#heardAt = performance.now();
          release();
        });
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    const place = this.#closing.add(fail);
    try {
      if (this.#link && this.#waiting.size === 0) start();
      else {
        this.#waiting.add(start);
        this.#connect();
      }
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#closing.remove(place);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    clearInterval(this.#ping);
    const link = this.#link;
    this.#link = undefined;
    for (const fail of this.#closing) fail(this.#unavailable());
    link?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
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
    for (const start of this.#waiting) {
      this.#waiting.delete(start);
      start();
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
    const timer = setTimeout(
      () => this.#cut(link, new RedisUnavailable("Redis does not answer")),
      this.#bounds.commandTimeoutMs,
    );
    timer.unref();
    this.#probe(link)
      .catch((error: unknown) => this.#cut(link, toError(error)))
      .finally(() => clearTimeout(timer));
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
    if (this.#pendingCount >= maxPendingCommands) {
      throw new RedisUnavailable(`${maxPendingCommands} commands wait for Redis already`);
    }
    if (this.#pendingCount > 0 && this.#pendingBytes + bytes > maxPendingBytes) {
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

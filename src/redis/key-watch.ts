import { toError } from "../core/errors.ts";
import { ping } from "./command-lane.ts";
import { RedisRefusal, RedisUnavailable } from "./redis-errors.ts";
import type { DialRedis, RedisLink } from "./redis-link.ts";
import type { RedisBounds } from "./redis-options.ts";
import type { RedisArgument, RedisKeyWatch, RedisReply, RedisScript } from "./redis.ts";
import { runScript } from "./run-script.ts";
import { within } from "./within.ts";

/** Where Redis tells RESP2 clients that a key which they have read was touched. */
const INVALIDATIONS = "__redis__:invalidate";

/** What a {@link KeyWatch} needs. */
export interface KeyWatchOptions {
  readonly dial: DialRedis;
  readonly bounds: RedisBounds;
  readonly onTouch: () => void;
  /** Asks whether the link that listens is of use still. @default PING */
  readonly probeListener?: ((link: RedisLink) => Promise<unknown>) | undefined;
}

/** The two connections of a watch: RESP2 cannot read and listen on one. */
interface Pair {
  readonly reader: RedisLink;
  readonly hearer: RedisLink;
}

/**
 * Keys that are watched with the server's own client tracking: what was read is remembered there, and
 * its next change, by whatever command of whatever client, is told once.
 *
 * Connects at the first read, and again at the next one after a break, of which `onTouch` is told too.
 *
 * @see https://redis.io/docs/latest/develop/reference/client-side-caching/
 */
export class KeyWatch implements RedisKeyWatch {
  readonly #options: KeyWatchOptions;
  #pair: Promise<Pair> | undefined;
  #pingedAt = 0;
  #isClosed = false;

  constructor(options: KeyWatchOptions) {
    this.#options = options;
  }

  async read(
    script: RedisScript,
    keys: readonly RedisArgument[],
    args: readonly RedisArgument[] = [],
  ): Promise<RedisReply> {
    const opening = (this.#pair ??= this.#open());
    try {
      const { reader, hearer } = await opening;
      const reply = runScript({ command: (words) => reader.command(words) }, script, [keys, args]);
      const [result] = await this.#inTime(Promise.all([reply, this.#check(hearer)]));
      return result;
    } catch (error) {
      if (!(error instanceof RedisRefusal)) await this.#drop(opening);
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#pair) await this.#drop(this.#pair);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #open(): Promise<Pair> {
    if (this.#isClosed) throw new RedisUnavailable("the connection to Redis is closed");
    const links: RedisLink[] = [];
    const onBreak = (): void => {
      const pair = this.#pair;
      if (pair) void this.#drop(pair).then(() => this.#options.onTouch());
    };
    try {
      const hearer = await this.#options.dial({
        onMessage: () => this.#options.onTouch(),
        onBreak,
      });
      links.push(hearer);
      const id = String(await this.#inTime(hearer.command(["CLIENT", "ID"])));
      await this.#inTime(hearer.subscribe([INVALIDATIONS], false));
      const reader = await this.#options.dial({ onMessage: () => undefined, onBreak });
      links.push(reader);
      await this.#inTime(reader.command(["CLIENT", "TRACKING", "ON", "REDIRECT", id]));
      this.#pingedAt = Date.now();
      return { reader, hearer };
    } catch (error) {
      for (const link of links) link.close();
      this.#pair = undefined;
      throw toError(error);
    }
  }

  /** A connection that only listens would not notice that nobody speaks any more. */
  async #check(hearer: RedisLink): Promise<void> {
    const now = Date.now();
    if (now - this.#pingedAt < this.#options.bounds.pingIntervalMs) return;
    this.#pingedAt = now;
    const { probeListener = ping } = this.#options;
    await probeListener(hearer);
  }

  async #drop(opening: Promise<Pair>): Promise<void> {
    if (this.#pair === opening) this.#pair = undefined;
    try {
      const { reader, hearer } = await opening;
      reader.close();
      hearer.close();
    } catch {
      // What could not be opened needs no closing.
    }
  }

  async #inTime<T>(reply: Promise<T>): Promise<T> {
    return await within(this.#options.bounds.commandTimeoutMs, reply);
  }
}

import { toError } from "../core/errors.ts";
import { CommandLane, sizeOf } from "./command-lane.ts";
import { GapListeners } from "./gap-listeners.ts";
import { KeyWatch } from "./key-watch.ts";
import type { DialRedis, RedisLink } from "./redis-link.ts";
import type { RedisBounds } from "./redis-options.ts";
import type {
  Redis,
  RedisArgument,
  RedisCommandOptions,
  RedisConnection,
  RedisGap,
  RedisKeyWatch,
  RedisReply,
  RedisScript,
} from "./redis.ts";
import { runScript } from "./run-script.ts";
import { scanKeys } from "./scan-keys.ts";
import { Subscriptions } from "./subscriptions.ts";

/** Where a {@link ServerRedis} is. */
export interface ServerRedisOptions {
  /** Connects to the server, or to what is the master now. */
  readonly dial: DialRedis;
  readonly bounds: RedisBounds;
  /** Rejects when a link is of no use any more. @default PING */
  readonly probe?: ((link: RedisLink) => Promise<unknown>) | undefined;
  /** The same for links that listen, on which only PING may be asked. @default PING */
  readonly probeListener?: ((link: RedisLink) => Promise<unknown>) | undefined;
}

/** One server, or what sentinels say is the master: a lane for commands, a connection to listen. */
export class ServerRedis implements Redis {
  readonly isCluster = false;
  readonly #options: ServerRedisOptions;
  readonly #lane: CommandLane;
  readonly #subscriptions: Subscriptions;
  readonly #listeners = new Map<string, (payload: Buffer) => void>();
  readonly #gaps = new GapListeners();
  #trouble: Error | undefined;

  constructor({ dial, ...others }: ServerRedisOptions) {
    const options = { ...others, dial: this.#watchTrouble(dial) };
    this.#options = options;
    this.#lane = new CommandLane(options);
    this.#subscriptions = new Subscriptions({
      ...options,
      isSharded: false,
      onMessage: (channel, payload) => this.#listeners.get(channel)?.(payload),
      onGap: (gap) => this.#gaps.tell(gap),
    });
  }

  get trouble(): Error | undefined {
    return this.#trouble;
  }

  command(args: readonly RedisArgument[], options?: RedisCommandOptions): Promise<RedisReply> {
    return this.#lane.command(args, options);
  }

  async transaction(
    commands: readonly (readonly RedisArgument[])[],
  ): Promise<readonly RedisReply[]> {
    return await this.#lane.run((link) => link.transaction(commands), sizeOf(commands.flat()));
  }

  async script(
    script: RedisScript,
    keys: readonly RedisArgument[],
    args: readonly RedisArgument[],
  ): Promise<RedisReply> {
    return await runScript(this, script, [keys, args]);
  }

  scan(pattern: string): AsyncIterable<readonly string[]> {
    return scanKeys((args) => this.command(args), pattern);
  }

  async publish(channel: string, payload: Uint8Array): Promise<number> {
    return Number(await this.#lane.command(["PUBLISH", channel, payload]));
  }

  async subscribe(channel: string, listener: (payload: Buffer) => void): Promise<void> {
    this.#listeners.set(channel, listener);
    try {
      await this.#subscriptions.add(channel);
    } catch (error) {
      if (!this.#subscriptions.has(channel)) this.#listeners.delete(channel);
      throw error;
    }
  }

  async unsubscribe(channel: string): Promise<void> {
    this.#listeners.delete(channel);
    this.#subscriptions.drop(channel);
  }

  async connect(): Promise<RedisConnection> {
    return new CommandLane({ ...this.#options, isBlocking: true });
  }

  watchKeys(onTouch: () => void): RedisKeyWatch {
    return new KeyWatch({ ...this.#options, onTouch });
  }

  onGap(listener: (gap: RedisGap) => void): () => void {
    return this.#gaps.listen(listener);
  }

  async close(): Promise<void> {
    this.#subscriptions.close();
    await this.#lane.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** All its connections are to the same server. */
  #watchTrouble(dial: DialRedis): DialRedis {
    return async (events) => {
      try {
        const link = await dial(events);
        this.#trouble = undefined;
        return link;
      } catch (error) {
        this.#trouble = toError(error);
        throw error;
      }
    };
  }
}

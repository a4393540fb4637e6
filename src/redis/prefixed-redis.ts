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

/** Commands of which every word but the first is a key. */
const OF_KEYS_ONLY: ReadonlySet<string> = new Set(["DEL", "UNLINK", "EXISTS", "MGET"]);

/**
 * A Redis of which one may use what begins with a prefix: its keys and its channels.
 *
 * Of a command the second word is the key, but for those of several keys; a script's keys are those that
 * it declares. Replies are not touched, but for what `scan` finds. Closes the Redis that it was given.
 */
export class PrefixedRedis implements Redis {
  readonly #redis: Redis;
  readonly #prefix: string;

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
  }

  get isCluster(): boolean {
    return this.#redis.isCluster;
  }

  get trouble(): Error | undefined {
    return this.#redis.trouble;
  }

  command(args: readonly RedisArgument[], options?: RedisCommandOptions): Promise<RedisReply> {
    return this.#redis.command(this.#toCommand(args), options);
  }

  transaction(commands: readonly (readonly RedisArgument[])[]): Promise<readonly RedisReply[]> {
    return this.#redis.transaction(commands.map((command) => this.#toCommand(command)));
  }

  script(
    script: RedisScript,
    keys: readonly RedisArgument[],
    args: readonly RedisArgument[],
  ): Promise<RedisReply> {
    return this.#redis.script(script, this.#toKeys(keys), args);
  }

  async *scan(pattern: string): AsyncIterable<readonly string[]> {
    // What is special in a pattern is meant as it stands.
    const literal = this.#prefix.replaceAll(/[*?[\]\\^-]/g, String.raw`\$&`);
    for await (const keys of this.#redis.scan(`${literal}${pattern}`)) {
      yield keys.map((key) => key.slice(this.#prefix.length));
    }
  }

  publish(channel: string, payload: Uint8Array): Promise<number> {
    return this.#redis.publish(`${this.#prefix}${channel}`, payload);
  }

  subscribe(channel: string, listener: (payload: Buffer) => void): Promise<void> {
    return this.#redis.subscribe(`${this.#prefix}${channel}`, listener);
  }

  unsubscribe(channel: string): Promise<void> {
    return this.#redis.unsubscribe(`${this.#prefix}${channel}`);
  }

  async connect(key?: RedisArgument): Promise<RedisConnection> {
    const connection = await this.#redis.connect(key === undefined ? key : this.#toKey(key));
    const close = (): Promise<void> => connection.close();
    return {
      command: (args, options) => connection.command(this.#toCommand(args), options),
      close,
      [Symbol.asyncDispose]: close,
    };
  }

  watchKeys(onTouch: () => void): RedisKeyWatch {
    const watch = this.#redis.watchKeys(onTouch);
    const close = (): Promise<void> => watch.close();
    return {
      read: (script, keys, args) => watch.read(script, this.#toKeys(keys), args),
      close,
      [Symbol.asyncDispose]: close,
    };
  }

  onGap(listener: (gap: RedisGap) => void): () => void {
    return this.#redis.onGap(listener);
  }

  close(): Promise<void> {
    return this.#redis.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #toCommand([name = "", ...words]: readonly RedisArgument[]): readonly RedisArgument[] {
    const text = String(name);
    if (OF_KEYS_ONLY.has(text)) return [name, ...this.#toKeys(words)];
    // The last word of these is how long they wait.
    if (text === "BRPOP" || text === "BLPOP") {
      return [name, ...this.#toKeys(words.slice(0, -1)), ...words.slice(-1)];
    }
    const [key, ...others] = words;
    return key === undefined ? [name] : [name, this.#toKey(key), ...others];
  }

  /** An empty word stands for no key. */
  #toKeys(keys: readonly RedisArgument[]): readonly RedisArgument[] {
    return keys.map((key) => (key.length === 0 ? key : this.#toKey(key)));
  }

  #toKey(key: RedisArgument): RedisArgument {
    if (typeof key === "string") return `${this.#prefix}${key}`;
    return Buffer.concat([Buffer.from(this.#prefix), key]);
  }
}

/** One word of a command. */
export type RedisArgument = string | Uint8Array;

/**
 * What Redis answers (RESP2): strings and statuses such as `OK` are bytes, integers are numbers.
 *
 * `String(reply)` is the text of one.
 */
export type RedisReply = null | number | Buffer | readonly RedisReply[];

/** A Lua script; `keys` are declared, so that it also runs on a cluster. */
export interface RedisScript {
  readonly source: string;
}

/** When messages of Redis may have been missed: the connection was gone in between. */
export interface RedisGap {
  /** When the connection last gave a sign of life, in milliseconds since 1970. */
  readonly from: number;
  /** When everything was subscribed to again, in milliseconds since 1970. */
  readonly to: number;
}

/** Runs commands, for as long as they take. */
export interface RedisCommands {
  /**
   * Runs a command and returns its reply.
   *
   * On a cluster the second word is the key that chooses the node, unless `key` names another.
   *
   * @throws {TidingsError} REDIS_UNAVAILABLE when it cannot be reached in time, REDIS_FAILED with the
   *   text of an error reply.
   */
  command(args: readonly RedisArgument[], options?: RedisCommandOptions): Promise<RedisReply>;
}

export interface RedisCommandOptions {
  /** The key that decides which node of a cluster is asked. */
  readonly key?: RedisArgument | undefined;
  /** Stops waiting. A command that has been sent may run all the same. */
  readonly signal?: AbortSignal | undefined;
  /**
   * How long to wait for the connection and the reply together.
   *
   * Without it, a {@link Redis} waits `commandTimeoutMs`; a {@link RedisConnection} waits that long
   * for the connection and without limit for the reply. A command that blocks for n seconds on the
   * server deserves n seconds and a bit here, so that a Redis that hangs is noticed.
   */
  readonly timeoutMs?: number | undefined;
}

/**
 * A connection of its own, for commands that block. Closed by whoever asked for it.
 *
 * It connects at the first command, and again at the next one after a break; the command that was
 * under way then throws REDIS_UNAVAILABLE. To end a blocking read without losing what it may take,
 * ask `CLIENT ID` on it first and send `CLIENT UNBLOCK` on another.
 */
export interface RedisConnection extends RedisCommands, AsyncDisposable {
  close(): Promise<void>;
}

/**
 * Hears when keys that it has read are touched, with connections of its own. Closed by who asked for it.
 *
 * What can be lost with a connection is told as a touch. Bound: one call for any number of changes
 * between two reads.
 */
export interface RedisKeyWatch extends AsyncDisposable {
  /**
   * Runs a script that only reads; `onTouch` is called once when a key that it read changes afterwards.
   *
   * @throws {TidingsError} REDIS_UNAVAILABLE, or REDIS_FAILED when this Redis cannot track keys.
   */
  read(
    script: RedisScript,
    keys: readonly RedisArgument[],
    args?: readonly RedisArgument[],
  ): Promise<RedisReply>;
  close(): Promise<void>;
}

/**
 * One Redis: a server, what sentinels say is the master, or a cluster.
 *
 * Connects at the first use, and again whenever the connection breaks (`core/backoff.ts`); commands
 * wait for it, a bounded number of them for a bounded time. Subscriptions are made anew after a break,
 * and whoever listens to gaps is told.
 */
export interface Redis extends RedisCommands, AsyncDisposable {
  readonly isCluster: boolean;
  /** Why the last try to connect failed; not on a cluster. */
  readonly trouble?: Error | undefined;
  /** Runs commands as MULTI/EXEC. On a cluster all keys must be in one slot. */
  transaction(commands: readonly (readonly RedisArgument[])[]): Promise<readonly RedisReply[]>;
  /** Runs a script by its hash, and sends it whole when Redis does not know it yet. */
  script(
    script: RedisScript,
    keys: readonly RedisArgument[],
    args: readonly RedisArgument[],
  ): Promise<RedisReply>;
  /** The keys that match a glob, in parts, of every node of a cluster; a key may come twice. */
  scan(pattern: string): AsyncIterable<readonly string[]>;
  /** Publishes; sharded (SPUBLISH) on a cluster. Returns how many heard it on that node. */
  publish(channel: string, payload: Uint8Array): Promise<number>;
  /** Hears a channel from when it resolves. One listener per channel; it MUST NOT throw. */
  subscribe(channel: string, listener: (payload: Buffer) => void): Promise<void>;
  unsubscribe(channel: string): Promise<void>;
  /** A connection of its own to the server that holds `key`. */
  connect(key?: RedisArgument): Promise<RedisConnection>;
  /** Makes what hears when keys are touched; not on a cluster. `onTouch` MUST NOT throw. */
  watchKeys(onTouch: () => void): RedisKeyWatch;
  /** Calls a listener after every break of a connection that had subscriptions; returns what ends it. */
  onGap(listener: (gap: RedisGap) => void): () => void;
  close(): Promise<void>;
}

import { ClusterNodes, type ClusterOptions } from "./cluster-nodes.ts";
import { ClusterSubscriptions } from "./cluster-subscriptions.ts";
import { CommandLane, sizeOf } from "./command-lane.ts";
import { GapListeners } from "./gap-listeners.ts";
import { RedisRefusal } from "./redis-errors.ts";
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

/** A cluster: a lane and a subscriber for each node, and sharded pub/sub. Needs Redis 7. */
export class ClusterRedis implements Redis {
  readonly isCluster = true;
  readonly #options: ClusterOptions;
  readonly #nodes: ClusterNodes;
  readonly #subscriptions: ClusterSubscriptions;
  readonly #gaps = new GapListeners();

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#nodes = new ClusterNodes(options, () => this.#subscriptions.rehome());
    this.#subscriptions = new ClusterSubscriptions({
      ...options,
      nodes: this.#nodes,
      onGap: (gap) => this.#gaps.tell(gap),
    });
  }

  async command(
    args: readonly RedisArgument[],
    options: RedisCommandOptions = {},
  ): Promise<RedisReply> {
    return await this.#nodes.run({
      ...options,
      key: options.key ?? args[1],
      bytes: sizeOf(args),
      run: (link) => link.command(args),
    });
  }

  async transaction(
    commands: readonly (readonly RedisArgument[])[],
  ): Promise<readonly RedisReply[]> {
    return await this.#nodes.run({
      key: commands[0]?.[1],
      bytes: sizeOf(commands.flat()),
      run: (link) => link.transaction(commands),
    });
  }

  async script(
    script: RedisScript,
    keys: readonly RedisArgument[],
    args: readonly RedisArgument[],
  ): Promise<RedisReply> {
    return await runScript(this, script, [keys, args]);
  }

  async *scan(pattern: string): AsyncGenerator<readonly string[], void, undefined> {
    for (const run of await this.#nodes.owners()) yield* scanKeys(run, pattern);
  }

  async publish(channel: string, payload: Uint8Array): Promise<number> {
    return Number(await this.command(["SPUBLISH", channel, payload]));
  }

  async subscribe(channel: string, listener: (payload: Buffer) => void): Promise<void> {
    await this.#subscriptions.add(channel, listener);
  }

  async unsubscribe(channel: string): Promise<void> {
    this.#subscriptions.drop(channel);
  }

  async connect(key?: RedisArgument): Promise<RedisConnection> {
    return new CommandLane({
      // Asked at each connecting: the key may be elsewhere by then.
      dial: async (events) =>
        await this.#options.dialServer(await this.#nodes.ownerOf(key))(events),
      bounds: this.#options.bounds,
      isBlocking: true,
      onTrouble: () => void this.#nodes.refresh(),
    });
  }

  watchKeys(): RedisKeyWatch {
    throw new RedisRefusal("ERR keys of a cluster cannot be watched with two connections");
  }

  onGap(listener: (gap: RedisGap) => void): () => void {
    return this.#gaps.listen(listener);
  }

  async close(): Promise<void> {
    this.#subscriptions.close();
    await this.#nodes.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

import type { ClusterNodes } from "./cluster-nodes.ts";
import { formatAddress } from "./cluster-slots.ts";
import { RedisUnavailable } from "./redis-errors.ts";
import type { DialRedis } from "./redis-link.ts";
import type { RedisBounds } from "./redis-options.ts";
import type { RedisAddress } from "./redis-url.ts";
import type { RedisGap } from "./redis.ts";
import { Subscriptions } from "./subscriptions.ts";

/** What the subscriptions of a cluster need. */
export interface ClusterSubscriptionsOptions {
  readonly nodes: ClusterNodes;
  readonly dialServer: (address: RedisAddress) => DialRedis;
  readonly bounds: RedisBounds;
  readonly onGap: (gap: RedisGap) => void;
}

/**
 * The channels that are heard on a cluster, each on the node that holds its slot.
 *
 * When slots move, so do the channels; what may have been missed in between is a gap.
 */
export class ClusterSubscriptions {
  readonly #options: ClusterSubscriptionsOptions;
  readonly #homes = new Map<string, Home>();
  readonly #byNode = new Map<string, Subscriptions>();
  #rehoming: Promise<void> | undefined;
  #isStale = false;
  #isClosed = false;

  constructor(options: ClusterSubscriptionsOptions) {
    this.#options = options;
  }

  /** Resolves when the channel is heard on its node. */
  async add(channel: string, listener: (payload: Buffer) => void): Promise<void> {
    const known = this.#homes.get(channel);
    const home: Home = { listener, node: known?.node, since: Date.now() };
    this.#homes.set(channel, home);
    const limit = Date.now() + this.#options.bounds.commandTimeoutMs;
    try {
      for (;;) {
        const node = await this.#nodeOf(channel);
        if (this.#homes.get(channel) !== home) throw new RedisUnavailable("no longer subscribed");
        home.node = node;
        try {
          return await this.#on(node).add(channel);
        } catch (error) {
          if (Date.now() >= limit || this.#homes.get(channel) !== home) throw error;
          await this.#options.nodes.read();
        }
      }
    } catch (error) {
      if (this.#homes.get(channel) === home) this.drop(channel);
      throw error;
    }
  }

  drop(channel: string): void {
    const home = this.#homes.get(channel);
    this.#homes.delete(channel);
    if (home?.node !== undefined) this.#byNode.get(home.node)?.drop(channel);
  }

  /** Moves what is not where its slot is. */
  rehome(): void {
    this.#isStale = true;
    this.#rehoming ??= this.#rehome().finally(() => (this.#rehoming = undefined));
  }

  close(): void {
    this.#isClosed = true;
    this.#homes.clear();
    for (const subscriptions of this.#byNode.values()) subscriptions.close();
  }

  async #rehome(): Promise<void> {
    while (this.#isStale && !this.#isClosed) {
      this.#isStale = false;
      const moved = new Map<string, Home>();
      for (const [channel, home] of this.#homes) {
        if (home.node === undefined) continue;
        if (home.node !== (await this.#nodeOf(channel))) moved.set(channel, home);
      }
      if (moved.size > 0) await this.#move(moved);
    }
  }

  async #move(moved: ReadonlyMap<string, Home>): Promise<void> {
    const from = Date.now();
    const settled = await Promise.allSettled(
      [...moved].map(async ([channel, home]) => {
        if (this.#homes.get(channel) !== home) return;
        if (home.node !== undefined) this.#byNode.get(home.node)?.drop(channel);
        home.node = await this.#nodeOf(channel);
        await this.#on(home.node).add(channel);
      }),
    );
    if (settled.some(({ status }) => status === "rejected")) return this.#later();
    this.#options.onGap({ from, to: Date.now() });
  }

  async #nodeOf(channel: string): Promise<string> {
    return formatAddress(await this.#options.nodes.ownerOf(channel));
  }

  #on(node: string): Subscriptions {
    if (this.#isClosed) throw new RedisUnavailable("the connection to Redis is closed");
    let subscriptions = this.#byNode.get(node);
    if (!subscriptions) {
      subscriptions = new Subscriptions({
        ...this.#options,
        dial: this.#options.dialServer(parseAddress(node)),
        isSharded: true,
        onMessage: (channel, payload) => this.#homes.get(channel)?.listener(payload),
        onTrouble: () => this.#later(),
        onRefusal: () => this.#later(),
      });
      this.#byNode.set(node, subscriptions);
    }
    return subscriptions;
  }
}

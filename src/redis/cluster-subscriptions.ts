import { setTimeout as sleep } from "node:timers/promises";

import type { ClusterNodes } from "./cluster-nodes.ts";
import { formatAddress } from "./cluster-slots.ts";
import { RedisUnavailable } from "./redis-errors.ts";
import type { DialRedis } from "./redis-link.ts";
import type { RedisBounds } from "./redis-options.ts";
import type { RedisAddress } from "./redis-url.ts";
import type { RedisGap } from "./redis.ts";
import { Subscriptions } from "./subscriptions.ts";

/** A pause between tries while a cluster elects a master or moves a slot. */
const RETRY_MS = 100;

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
  #isMoving = false;
  #isStale = false;
  #isClosed = false;
  #refresh: NodeJS.Timeout | undefined;

  constructor(options: ClusterSubscriptionsOptions) {
    this.#options = options;
  }

  /** Resolves when the channel is heard on its node. */
  async add(channel: string, listener: (payload: Buffer) => void): Promise<void> {
    this.#refreshNowAndThen();
    const { node, wasHeard = false } = this.#homes.get(channel) ?? {};
    const home: Home = { listener, node, wasHeard, isLost: false };
    this.#homes.set(channel, home);
    const limit = Date.now() + this.#options.bounds.commandTimeoutMs;
    try {
      while (!(await this.#settle(channel, home, limit))) {
        await sleep(RETRY_MS);
        await this.#options.nodes.refresh();
      }
    } catch (error) {
      if (this.#homes.get(channel) === home) {
        // Who heard it before goes on to, as soon as a node takes it.
        if (home.wasHeard) home.isLost = true;
        else this.drop(channel);
      }
      throw error;
    }
  }

  drop(channel: string): void {
    const node = this.#homes.get(channel)?.node;
    this.#homes.delete(channel);
    if (node !== undefined) this.#byNode.get(node)?.drop(channel);
  }

  /** Moves what is not where its slot is. */
  rehome(): void {
    this.#isStale = true;
    if (!this.#isMoving) void this.#rehome();
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#refresh);
    this.#homes.clear();
    for (const subscriptions of this.#byNode.values()) subscriptions.close();
  }

  /** Subscribes where the slot is; `false` when it is worth another try. */
  async #settle(channel: string, home: Home, limit: number): Promise<boolean> {
    try {
      const owner = await this.#options.nodes.ownerOf(channel);
      if (this.#homes.get(channel) !== home) throw new RedisUnavailable("no longer subscribed");
      const node = formatAddress(owner);
      if (home.node !== undefined && home.node !== node) {
        this.#byNode.get(home.node)?.drop(channel);
      }
      home.node = node;
      await this.#on(owner).add(channel);
      home.isLost = false;
      home.wasHeard = true;
      return true;
    } catch (error) {
      if (Date.now() >= limit || this.#homes.get(channel) !== home) throw error;
      return false;
    }
  }

  async #rehome(): Promise<void> {
    this.#isMoving = true;
    while (this.#isStale && !this.#isClosed) {
      this.#isStale = false;
      const misplaced = await this.#misplaced();
      if (misplaced.length === 0) continue;
      const from = Math.min(...misplaced.map(([, { node }]) => this.#lastSignOf(node)));
      const moved = await Promise.all(
        misplaced.map(([channel, home]) => this.#settle(channel, home, Infinity).catch(() => true)),
      );
      if (moved.every(Boolean)) this.#options.onGap({ from, to: Date.now() });
      else {
        await sleep(RETRY_MS);
        this.#isStale = true;
      }
    }
    this.#isMoving = false;
  }

  async #misplaced(): Promise<readonly (readonly [string, Home])[]> {
    const misplaced: (readonly [string, Home])[] = [];
    for (const [channel, home] of this.#homes) {
      if (home.node === undefined) continue;
      const owner = await this.#options.nodes.ownerOf(channel).catch(() => undefined);
      const isMisplaced = owner !== undefined && formatAddress(owner) !== home.node;
      if (isMisplaced || home.isLost) misplaced.push([channel, home]);
    }
    return misplaced;
  }

  #lastSignOf(node: string | undefined): number {
    return (node === undefined ? undefined : this.#byNode.get(node)?.lastSign) ?? Date.now();
  }

  #on(owner: RedisAddress): Subscriptions {
    if (this.#isClosed) throw new RedisUnavailable("the connection to Redis is closed");
    const node = formatAddress(owner);
    let subscriptions = this.#byNode.get(node);
    if (!subscriptions) {
      subscriptions = new Subscriptions({
        bounds: this.#options.bounds,
        dial: this.#options.dialServer(owner),
        isSharded: true,
        onMessage: (channel, payload) => this.#homes.get(channel)?.listener(payload),
        onGap: this.#options.onGap,
        onTrouble: () => void this.#options.nodes.refresh(),
        onRefusal: (channel) => this.#lose(channel, node),
      });
      this.#byNode.set(node, subscriptions);
    }
    return subscriptions;
  }

  /** A node does not want the channel any more, as after it became a replica. */
  #lose(channel: string, node: string): void {
    const home = this.#homes.get(channel);
    if (home?.node !== node) return;
    home.isLost = true;
    void this.#options.nodes.refresh();
  }

  /** Slots that move without a word would leave us listening at the wrong node. */
  #refreshNowAndThen(): void {
    if (this.#refresh) return;
    const refresh = (): void => {
      if (this.#homes.size > 0) void this.#options.nodes.refresh();
    };
    this.#refresh = setInterval(refresh, this.#options.bounds.pingIntervalMs);
    this.#refresh.unref();
  }
}

interface Home {
  readonly listener: (payload: Buffer) => void;
  /** The node that was told to subscribe; none before the first. */
  node: string | undefined;
  wasHeard: boolean;
  /** No node has it now. */
  isLost: boolean;
}

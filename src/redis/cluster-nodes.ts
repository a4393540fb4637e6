import { setTimeout as sleep } from "node:timers/promises";

import { toError } from "../core/errors.ts";
import { ClusterSlots, formatAddress, parseRedirect, slotOf } from "./cluster-slots.ts";
import { CommandLane, type LaneTask } from "./command-lane.ts";
import { RedisRefusal, RedisUnavailable } from "./redis-errors.ts";
import type { DialRedis } from "./redis-link.ts";
import type { RedisBounds } from "./redis-options.ts";
import type { RedisAddress } from "./redis-url.ts";
import type { RedisArgument, RedisCommandOptions } from "./redis.ts";
import type { RunOnServer } from "./scan-keys.ts";
import { within } from "./within.ts";

/** How often a command is sent elsewhere before its redirection is an error. */
const MAX_REDIRECTS = 16;
/** A pause between tries while a cluster elects a master or moves a slot. */
const RETRY_MS = 100;

/** Where a cluster is. */
export interface ClusterOptions {
  readonly seeds: () => Promise<readonly RedisAddress[]>;
  readonly dialServer: (address: RedisAddress) => DialRedis;
  readonly bounds: RedisBounds;
}

/** What a task writes, and to whom. */
export interface ClusterTask<T> extends RedisCommandOptions {
  /** Decides the node; without it, any. */
  readonly key: RedisArgument | undefined;
  readonly bytes: number;
  readonly run: LaneTask<T>;
}

/**
 * The nodes of a cluster: which holds what, and a lane to each.
 *
 * The map of slots is read from the first node that answers, and again when a node redirects us or
 * breaks, at most once at a time; whoever needs a fresh one waits for the reading under way.
 */
export class ClusterNodes {
  readonly #options: ClusterOptions;
  readonly #lanes = new Map<string, CommandLane>();
  readonly #onChange: () => void;
  #slots: ClusterSlots | undefined;
  #reading: Promise<ClusterSlots> | undefined;
  /** How many commands wait to know their node. */
  #finding = 0;
  #isClosed = false;

  constructor(options: ClusterOptions, onChange: () => void) {
    this.#options = options;
    this.#onChange = onChange;
  }

  /** Runs a task on the node of its key, wherever that is by now. */
  async run<T>({ key, bytes, run, signal, timeoutMs }: ClusterTask<T>): Promise<T> {
    const limit = Date.now() + (timeoutMs ?? this.#options.bounds.commandTimeoutMs);
    let asking: RedisAddress | undefined;
    for (let redirects = 0; ; redirects++) {
      const owner = asking ?? (await this.#find(key, limit));
      signal?.throwIfAborted();
      const task: LaneTask<T> = asking ? askFirst(run) : run;
      asking = undefined;
      const lane = this.#lane(owner);
      try {
        return await lane.run(task, bytes, { signal, timeoutMs: Math.max(1, limit - Date.now()) });
      } catch (error) {
        if (redirects >= MAX_REDIRECTS || Date.now() >= limit) throw error;
        const isLaneGone = this.#lanes.get(formatAddress(owner)) !== lane;
        asking = await this.#redirect(toError(error), isLaneGone);
      }
    }
  }

  /** The node that holds a key, or any that holds something. */
  async ownerOf(key: RedisArgument | undefined): Promise<RedisAddress> {
    const find = (slots: ClusterSlots): RedisAddress | undefined =>
      key === undefined ? slots.owners[0] : slots.ownerOf(slotOf(key));
    const known = this.#slots && find(this.#slots);
    const owner = known ?? find(await this.#read());
    if (!owner) throw new RedisUnavailable("no node of the cluster holds the slot of the key");
    return owner;
  }

  /** What runs commands on each node that holds something now. */
  async owners(): Promise<readonly RunOnServer[]> {
    const { owners } = await this.#read();
    return owners.map((owner) => (args) => this.#lane(owner).command(args));
  }

  async #read(): Promise<ClusterSlots> {
    this.#reading ??= this.#readSlots().finally(() => (this.#reading = undefined));
    return await this.#reading;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const lane of this.#lanes.values()) await lane.close();
  }

  /** The node of a key, however often that must be asked; a bounded number of callers may wait. */
  async #find(key: RedisArgument | undefined, limit: number): Promise<RedisAddress> {
    const { maxPendingCommands } = this.#options.bounds;
    if (this.#finding >= maxPendingCommands) {
      throw new RedisUnavailable(`${maxPendingCommands} commands wait for Redis already`);
    }
    this.#finding++;
    try {
      for (;;) {
        try {
          return await within(
            limit - Date.now(),
            this.ownerOf(key),
            "no node of the cluster answers in time",
          );
        } catch (error) {
          if (this.#isClosed || Date.now() + RETRY_MS >= limit) throw error;
          await sleep(RETRY_MS);
        }
      }
    } finally {
      this.#finding--;
    }
  }

  /** Learns from what went wrong; throws it when another try is of no use. */
  async #redirect(error: Error, isLaneGone: boolean): Promise<RedisAddress | undefined> {
    // Its node left the cluster while the command waited to be sent.
    if (error instanceof RedisUnavailable && !error.wasSent && isLaneGone) return undefined;
    if (!(error instanceof RedisRefusal)) throw error;
    const redirect = parseRedirect(error.reply);
    if (redirect && error.is("ASK")) return redirect.owner;
    if (redirect) {
      this.#slots?.move(redirect.slot, redirect.owner);
      void this.refresh();
      return undefined;
    }
    if (!error.is("CLUSTERDOWN") && !error.is("TRYAGAIN") && !error.is("MOVED")) throw error;
    await sleep(RETRY_MS);
    await this.refresh();
    return undefined;
  }

  /** Reads anew which node holds what, or leaves what is known: the next command tries again. */
  async refresh(): Promise<void> {
    try {
      await this.#read();
    } catch {
      // Told to whoever needs it: `ownerOf` throws when nothing is known.
    }
  }

  async #readSlots(): Promise<ClusterSlots> {
    if (this.#isClosed) throw new RedisUnavailable("the connection to Redis is closed");
    let lastError: unknown = new RedisUnavailable("the cluster has no nodes");
    for (const address of [...(this.#slots?.owners ?? []), ...(await this.#options.seeds())]) {
      try {
        const slots = await this.#ask(address);
        if (slots.owners.length === 0) continue;
        this.#slots = slots;
        this.#dropLanes(slots);
        this.#onChange();
        return slots;
      } catch (error) {
        lastError = error;
      }
    }
    throw lastError;
  }

  /** On a link of its own, tried once: a node that hangs must not hold up the next one asked. */
  async #ask(address: RedisAddress): Promise<ClusterSlots> {
    const link = await this.#options.dialServer(address)(silentEvents);
    try {
      return ClusterSlots.from(await link.command(["CLUSTER", "SLOTS"]), address);
    } finally {
      link.close();
    }
  }

  #dropLanes(slots: ClusterSlots): void {
    const owners = new Set(slots.owners.map(formatAddress));
    for (const [name, lane] of this.#lanes) {
      if (owners.has(name)) continue;
      this.#lanes.delete(name);
      void lane.close();
    }
  }

  #lane(address: RedisAddress): CommandLane {
    const name = formatAddress(address);
    let lane = this.#lanes.get(name);
    if (!lane) {
      lane = new CommandLane({
        dial: this.#options.dialServer(address),
        bounds: this.#options.bounds,
        onTrouble: () => void this.refresh(),
      });
      this.#lanes.set(name, lane);
    }
    return lane;
  }
}

const silentEvents = { onMessage: () => undefined, onBreak: () => undefined };

/** A slot on its way to another node: that node answers only to who says ASKING first. */
function askFirst<T>(run: LaneTask<T>): LaneTask<T> {
  return async (link) => {
    const [, reply] = await Promise.all([link.command(["ASKING"]), run(link)]);
    return reply;
  };
}

import { TidingsError } from "../core/errors.ts";
import { steadyTime } from "../core/steady-time.ts";
import {
  assertGroupName,
  isolateMessage,
  type LayerMessage,
  type OutgoingMessage,
} from "../layers/index.ts";
import type { Position } from "../protocol/index.ts";
import { DEFAULT_LIMIT, EPOCH_TTL_MS, toHistoryBounds } from "./history-bounds.ts";
import type {
  GroupHistory,
  HistoryBounds,
  HistoryEntry,
  HistoryListener,
  Recovery,
} from "./history.ts";
import { newEpoch } from "./new-epoch.ts";

/** Options of the {@link MemoryHistory}. */
export interface MemoryHistoryOptions {
  /** The time in milliseconds, for tests. @default one that nobody sets */
  readonly now?: (() => number) | undefined;
}

const SWEEP_MS = 60_000;

/**
 * The history of groups in this process's memory.
 *
 * Survives: nothing. Reaches: this process, whose listeners have been called when `append` returns its
 * promise. What is too old is swept out when it is used.
 */
export class MemoryHistory implements GroupHistory {
  readonly #now: () => number;
  readonly #groups = new Map<string, Group>();
  readonly #listeners = new Map<string, Set<HistoryListener>>();
  #nextSweep = 0;
  #isClosed = false;

  constructor({ now = steadyTime }: MemoryHistoryOptions = {}) {
    this.#now = now;
  }

  async append(group: string, message: OutgoingMessage, bounds?: HistoryBounds): Promise<Position> {
    const kept = this.#open(group);
    const { size, ageMs } = toHistoryBounds(bounds);
    const isolated: LayerMessage = isolateMessage(message).message;
    kept.offset += 1;
    const position = { epoch: kept.epoch, offset: kept.offset };
    const entry = { position, message: isolated };
    kept.entries.push({ entry, expiresAt: this.#now() + ageMs });
    evict(kept, kept.entries.length - size);
    for (const listener of this.#listeners.get(group) ?? []) listener.onEntry(entry);
    return position;
  }

  async position(group: string): Promise<Position> {
    const { epoch, offset } = this.#open(group);
    return { epoch, offset };
  }

  async since(
    group: string,
    { epoch, offset }: Position,
    limit: number = DEFAULT_LIMIT,
  ): Promise<Recovery> {
    const kept = this.#open(group);
    const position = { epoch: kept.epoch, offset: kept.offset };
    const isOfAnother = epoch !== kept.epoch || offset > kept.offset;
    if (isOfAnother) return { kind: "reset", reason: "epoch-changed", position };
    const count = kept.offset - offset;
    if (count > kept.entries.length) return { kind: "reset", reason: "evicted", position };
    if (count > limit) return { kind: "reset", reason: "too-far", position };
    const missed = count === 0 ? [] : kept.entries.slice(-count);
    return { kind: "recovered", entries: missed.map(({ entry }) => entry), position };
  }

  async listen(group: string, listener: HistoryListener): Promise<() => void> {
    this.#open(group);
    const listeners = this.#listeners.get(group) ?? new Set();
    this.#listeners.set(group, listeners);
    listeners.add(listener);
    return () => {
      if (listeners.delete(listener) && listeners.size === 0) this.#listeners.delete(group);
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#groups.clear();
    this.#listeners.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The group without what is too old; it is as good as new when nobody has asked for long. */
  #open(name: string): Group {
    if (this.#isClosed) throw new TidingsError("HISTORY_CLOSED", "the history is closed");
    assertGroupName(name);
    const now = this.#now();
    this.#sweep(now);
    let group = this.#groups.get(name);
    if (!group || group.forgottenAt <= now) {
      group = { epoch: newEpoch(), offset: 0, entries: [], forgottenAt: 0 };
      this.#groups.set(name, group);
    }
    group.forgottenAt = now + EPOCH_TTL_MS;
    dropExpired(group, now);
    return group;
  }

  #sweep(now: number): void {
    if (now < this.#nextSweep) return;
    this.#nextSweep = now + SWEEP_MS;
    for (const [name, group] of this.#groups) {
      if (group.forgottenAt <= now) this.#groups.delete(name);
      else dropExpired(group, now);
    }
  }
}

interface Group {
  readonly epoch: string;
  offset: number;
  /** The newest, without a hole; the last one has the offset `offset`. */
  readonly entries: { readonly entry: HistoryEntry; readonly expiresAt: number }[];
  forgottenAt: number;
}

function dropExpired(group: Group, now: number): void {
  const living = group.entries.findIndex(({ expiresAt }) => expiresAt > now);
  evict(group, living === -1 ? group.entries.length : living);
}

function evict({ entries }: Group, count: number): void {
  if (count > 0) entries.splice(0, count);
}

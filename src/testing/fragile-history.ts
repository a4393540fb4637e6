import { setImmediate } from "node:timers/promises";

import {
  MemoryHistory,
  type GroupHistory,
  type HistoryBounds,
  type HistoryEntry,
  type HistoryListener,
  type Recovery,
} from "../history/index.ts";
import type { OutgoingMessage } from "../layers/index.ts";
import type { Position } from "../protocol/index.ts";

/**
 * A history in memory that is cut off, out of reach, or lost when a test says so.
 *
 * What is appended is heard a turn of the event loop later, as over a network.
 */
export class FragileHistory implements GroupHistory {
  /** Nothing is heard of what is appended. */
  isDeaf = false;
  /** How many questions fail before one is answered. */
  failures = 0;
  /** How often `since` was asked. */
  asked = 0;
  /** What was appended. */
  readonly entries: HistoryEntry[] = [];
  #store = new MemoryHistory();
  readonly #listeners = new Map<string, Set<HistoryListener>>();

  /** How many listen to a group. */
  listenerCount(group: string): number {
    return this.#listeners.get(group)?.size ?? 0;
  }

  /** Has the listeners of a group hear an entry. */
  hear(group: string, entry: HistoryEntry): void {
    for (const listener of this.#listeners.get(group) ?? []) listener.onEntry(entry);
  }

  /** Tells everybody that something may have been missed. */
  tellGap(): void {
    for (const listener of [...this.#listeners.values()].flatMap((each) => [...each])) {
      listener.onGap();
    }
  }

  /** Loses everything, as a store that was emptied. */
  beginAnew(): void {
    this.#store = new MemoryHistory();
  }

  async append(group: string, message: OutgoingMessage, bounds?: HistoryBounds): Promise<Position> {
    const position = await this.#store.append(group, message, bounds);
    const before = { ...position, offset: position.offset - 1 };
    const recovery = await this.#store.since(group, before);
    await setImmediate();
    const [entry] = recovery.kind === "recovered" ? recovery.entries : [];
    if (!entry) return position;
    this.entries.push(entry);
    if (!this.isDeaf) this.hear(group, entry);
    return position;
  }

  async position(group: string): Promise<Position> {
    this.#failIfAway();
    return await this.#store.position(group);
  }

  async since(group: string, position: Position, limit?: number): Promise<Recovery> {
    this.#failIfAway();
    this.asked += 1;
    await setImmediate();
    return await this.#store.since(group, position, limit);
  }

  async listen(group: string, listener: HistoryListener): Promise<() => void> {
    const listeners = this.#listeners.get(group) ?? new Set();
    this.#listeners.set(group, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  async close(): Promise<void> {
    await this.#store.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #failIfAway(): void {
    if (this.failures === 0) return;
    this.failures -= 1;
    throw new Error("out of reach");
  }
}

import { randomUUID } from "node:crypto";

import { BoundedQueue } from "../core/bounded-queue.ts";
import { TidingsError } from "../core/errors.ts";
import { assertDuration, assertPositiveInteger } from "../core/options.ts";
import type {
  ChannelLayer,
  ChannelListener,
  LayerMessage,
  LayerOptions,
  OutgoingMessage,
  ReceiveOptions,
} from "./layer.ts";
import { isolateMessage, type IsolatedMessage } from "./message.ts";
import { assertChannelName, assertGroupName } from "./names.ts";

/** Options of the {@link MemoryLayer}. */
export interface MemoryLayerOptions extends LayerOptions {
  /** The time in milliseconds, for tests. @default Date.now */
  readonly now?: (() => number) | undefined;
}

/**
 * A channel layer in this process's memory.
 *
 * Delivery: at most once, at once: `groupSend` has called every listener when it returns its promise.
 * Survives: nothing. Reaches: this process. Bound: `capacity` messages per channel; what nobody reads
 * is swept out when the layer is used, at the latest two expiries later.
 */
export class MemoryLayer implements ChannelLayer {
  readonly #expiryMs: number;
  readonly #groupExpiryMs: number;
  readonly #capacity: number;
  readonly #now: () => number;
  readonly #channels = new Map<string, Channel>();
  readonly #groups = new Map<string, Map<string, Membership>>();
  /** The groups of each channel, so that leaving costs nothing for the groups it was never in. */
  readonly #groupsOf = new Map<string, Set<string>>();
  #nextSweep = 0;
  #closed = false;

  constructor({
    expiryMs = 60_000,
    groupExpiryMs = 86_400_000,
    capacity = 100,
    now = Date.now,
  }: MemoryLayerOptions = {}) {
    this.#expiryMs = assertDuration("expiryMs", expiryMs);
    this.#groupExpiryMs = assertDuration("groupExpiryMs", groupExpiryMs);
    this.#capacity = assertPositiveInteger("capacity", capacity);
    this.#now = now;
  }

  async newChannel(prefix = "specific"): Promise<string> {
    this.#assertOpen();
    return assertChannelName(`${prefix}.memory!${randomUUID().replaceAll("-", "")}`);
  }

  async send(channel: string, message: OutgoingMessage): Promise<void> {
    this.#assertOpen();
    assertChannelName(channel);
    const isolated = isolateMessage(message);
    const now = this.#sweep();
    if (this.#deliver(channel, isolated, now)) return;
    throw new TidingsError(
      "LAYER_CHANNEL_FULL",
      `channel \`${channel}\` is full: ${this.#capacity} messages wait to be read`,
    );
  }

  async receive(channel: string, { signal }: ReceiveOptions = {}): Promise<LayerMessage> {
    this.#assertOpen();
    assertChannelName(channel);
    signal?.throwIfAborted();
    const now = this.#sweep();
    const state = this.#channel(channel);
    const unread = this.#nextUnread(channel, state, now);
    if (unread) {
      this.#forget(channel, state);
      return unread;
    }
    return await new Promise<LayerMessage>((resolve, reject) => {
      const onAbort = (): void => {
        state.receivers.delete(receiver);
        this.#forget(channel, state);
        reject(toAbortError(signal));
      };
      const receiver: Receiver = {
        resolve: (message) => {
          signal?.removeEventListener("abort", onAbort);
          resolve(message);
        },
        reject: (error) => {
          signal?.removeEventListener("abort", onAbort);
          reject(error);
        },
      };
      state.receivers.add(receiver);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  listen(channel: string, listener: ChannelListener): () => void {
    this.#assertOpen();
    assertChannelName(channel);
    const state = this.#channel(channel);
    if (state.listener)
      throw new TidingsError("OPTION_INVALID", `channel \`${channel}\` has a listener`);
    const now = this.#now();
    for (let unread = this.#nextUnread(channel, state, now); unread;) {
      if (!listener(unread)) break;
      unread = this.#nextUnread(channel, state, now);
    }
    state.listener = listener;
    return () => {
      if (state.listener !== listener) return;
      state.listener = undefined;
      this.#leaveGroups(channel);
      this.#forget(channel, state);
    };
  }

  async groupAdd(group: string, channel: string): Promise<void> {
    this.#assertOpen();
    assertGroupName(group);
    assertChannelName(channel);
    const now = this.#sweep();
    let members = this.#groups.get(group);
    if (!members) this.#groups.set(group, (members = new Map()));
    members.set(channel, { expiresAt: now + this.#groupExpiryMs });
    let groups = this.#groupsOf.get(channel);
    if (!groups) this.#groupsOf.set(channel, (groups = new Set()));
    groups.add(group);
  }

  async groupDiscard(group: string, channel: string): Promise<void> {
    this.#assertOpen();
    assertGroupName(group);
    assertChannelName(channel);
    this.#leave(group, channel);
  }

  async groupSend(group: string, message: OutgoingMessage): Promise<void> {
    this.#assertOpen();
    assertGroupName(group);
    const isolated = isolateMessage(message);
    const now = this.#sweep();
    for (const channel of this.#groups.get(group)?.keys() ?? []) {
      if (this.#isMember(group, channel, now)) this.#deliver(channel, isolated, now);
    }
  }

  async flush(): Promise<void> {
    this.#assertOpen();
    this.#groups.clear();
    this.#groupsOf.clear();
    for (const [name, state] of this.#channels) {
      state.unread.clear();
      this.#forget(name, state);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#groups.clear();
    this.#groupsOf.clear();
    for (const state of this.#channels.values()) {
      for (const receiver of state.receivers) receiver.reject(closedError());
    }
    this.#channels.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Gives a message to whoever reads the channel, or keeps it; `false` when there is no room. */
  #deliver(name: string, isolated: IsolatedMessage, now: number): boolean {
    const state = this.#channel(name);
    if (state.listener) return state.listener(ownMessage(isolated));
    const [receiver] = state.receivers;
    if (receiver) {
      state.receivers.delete(receiver);
      receiver.resolve(ownMessage(isolated));
      this.#forget(name, state);
      return true;
    }
    if (state.unread.isFull) this.#dropExpired(name, state, now);
    return state.unread.push({ isolated, expiresAt: now + this.#expiryMs });
  }

  #nextUnread(name: string, state: Channel, now: number): LayerMessage | undefined {
    this.#dropExpired(name, state, now);
    const next = state.unread.shift();
    return next && ownMessage(next.isolated);
  }

  /** Drops messages past their time; nobody read them, so the channel leaves its groups. */
  #dropExpired(name: string, state: Channel, now: number): void {
    let dropped = false;
    for (
      let next = state.unread.peek();
      next && next.expiresAt <= now;
      next = state.unread.peek()
    ) {
      state.unread.shift();
      dropped = true;
    }
    if (dropped && state.receivers.size === 0) this.#leaveGroups(name);
  }

  #isMember(group: string, channel: string, now: number): boolean {
    const membership = this.#groups.get(group)?.get(channel);
    if (!membership) return false;
    if (membership.expiresAt > now || this.#channels.get(channel)?.listener) return true;
    this.#leave(group, channel);
    return false;
  }

  #leave(group: string, channel: string): void {
    const members = this.#groups.get(group);
    if (members?.delete(channel) && members.size === 0) this.#groups.delete(group);
    const groups = this.#groupsOf.get(channel);
    if (groups?.delete(group) && groups.size === 0) this.#groupsOf.delete(channel);
  }

  #leaveGroups(channel: string): void {
    for (const group of this.#groupsOf.get(channel) ?? []) this.#leave(group, channel);
  }

  /** Once per expiry, drops what nobody will read, and returns the time. */
  #sweep(): number {
    const now = this.#now();
    if (now < this.#nextSweep) return now;
    this.#nextSweep = now + this.#expiryMs;
    for (const [name, state] of this.#channels) {
      this.#dropExpired(name, state, now);
      this.#forget(name, state);
    }
    for (const [group, members] of this.#groups) {
      for (const channel of members.keys()) this.#isMember(group, channel, now);
    }
    return now;
  }

  #channel(name: string): Channel {
    let state = this.#channels.get(name);
    if (!state) {
      state = {
        unread: new BoundedQueue(this.#capacity),
        receivers: new Set(),
        listener: undefined,
      };
      this.#channels.set(name, state);
    }
    return state;
  }

  #forget(name: string, state: Channel): void {
    if (state.unread.size > 0 || state.receivers.size > 0 || state.listener) return;
    if (this.#channels.get(name) === state) this.#channels.delete(name);
  }

  #assertOpen(): void {
    if (this.#closed) throw closedError();
  }
}

interface Channel {
  readonly unread: BoundedQueue<{ readonly isolated: IsolatedMessage; readonly expiresAt: number }>;
  readonly receivers: Set<Receiver>;
  listener: ChannelListener | undefined;
}

interface Receiver {
  resolve(message: LayerMessage): void;
  reject(error: Error): void;
}

interface Membership {
  readonly expiresAt: number;
}

function ownMessage({ message, hasBytes }: IsolatedMessage): LayerMessage {
  return hasBytes ? isolateMessage(message).message : message;
}

function closedError(): TidingsError {
  return new TidingsError("LAYER_CLOSED", "the channel layer is closed");
}

function toAbortError(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason;
  return Error.isError(reason) ? reason : new Error("receive was aborted", { cause: reason });
}

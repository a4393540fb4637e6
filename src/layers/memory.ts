import { randomUUID } from "node:crypto";

import { BoundedQueue } from "../core/bounded-queue.ts";
import { TidingsError } from "../core/errors.ts";
import { assertDuration, assertPositiveInteger } from "../core/options.ts";
import { IncidentLog } from "./incident-log.ts";
import type {
  ChannelLayer,
  ChannelListener,
  LayerIncident,
  LayerIncidents,
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
  readonly #incidents = new IncidentLog();
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

  get incidents(): LayerIncidents {
    return this.#incidents.counts;
  }

  onIncident(listener: (incident: LayerIncident) => void): () => void {
    return this.#incidents.listen(listener);
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
    if (this.#deliver(this.#channel(channel), isolated, now)) return;
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
    const unread = this.#nextUnread(state, now);
    if (unread) {
      this.#forget(state);
      return unread;
    }
    return await new Promise<LayerMessage>((resolve, reject) => {
      const onAbort = (): void => {
        state.receivers.delete(receiver);
        this.#forget(state);
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
    for (let unread = this.#nextUnread(state, now); unread;) {
      if (!listener(unread)) break;
      unread = this.#nextUnread(state, now);
    }
    state.listener = listener;
    return () => {
      if (state.listener !== listener) return;
      state.listener = undefined;
      this.#leaveGroups(state);
      this.#forget(state);
    };
  }

  async groupAdd(group: string, channel: string): Promise<void> {
    this.#assertOpen();
    assertGroupName(group);
    assertChannelName(channel);
    const now = this.#sweep();
    let members = this.#groups.get(group);
    if (!members) this.#groups.set(group, (members = new Map()));
    const state = this.#channel(channel);
    members.set(channel, { state, expiresAt: now + this.#groupExpiryMs });
    state.groups.add(group);
  }

  async groupDiscard(group: string, channel: string): Promise<void> {
    this.#assertOpen();
    assertGroupName(group);
    assertChannelName(channel);
    const state = this.#channels.get(channel);
    if (!state) return;
    this.#leave(group, state);
    this.#forget(state);
  }

  async groupSend(group: string, message: OutgoingMessage): Promise<void> {
    this.#assertOpen();
    assertGroupName(group);
    const isolated = isolateMessage(message);
    const now = this.#sweep();
    for (const membership of this.#groups.get(group)?.values() ?? []) {
      if (isAlive(membership, now)) this.#deliver(membership.state, isolated, now);
      else this.#leave(group, membership.state);
    }
  }

  async flush(): Promise<void> {
    this.#assertOpen();
    this.#groups.clear();
    for (const state of this.#channels.values()) {
      state.groups.clear();
      state.unread.clear();
      this.#forget(state);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#groups.clear();
    for (const state of this.#channels.values()) {
      for (const receiver of state.receivers) receiver.reject(closedError());
    }
    this.#channels.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Gives a message to whoever reads the channel, or keeps it; `false` when there is no room. */
  #deliver(state: Channel, isolated: IsolatedMessage, now: number): boolean {
    if (state.listener) return state.listener(ownMessage(isolated));
    const [receiver] = state.receivers;
    if (receiver) {
      state.receivers.delete(receiver);
      receiver.resolve(ownMessage(isolated));
      this.#forget(state);
      return true;
    }
    if (state.unread.isFull) this.#dropExpired(state, now);
    return state.unread.push({ isolated, expiresAt: now + this.#expiryMs });
  }

  #nextUnread(state: Channel, now: number): LayerMessage | undefined {
    this.#dropExpired(state, now);
    const next = state.unread.shift();
    return next && ownMessage(next.isolated);
  }

  /** Drops messages past their time; nobody read them, so the channel leaves its groups. */
  #dropExpired(state: Channel, now: number): void {
    let dropped = false;
    for (
      let next = state.unread.peek();
      next && next.expiresAt <= now;
      next = state.unread.peek()
    ) {
      state.unread.shift();
      dropped = true;
    }
    if (dropped && state.receivers.size === 0) this.#leaveGroups(state);
  }

  #leave(group: string, state: Channel): void {
    const members = this.#groups.get(group);
    if (members?.delete(state.name) && members.size === 0) this.#groups.delete(group);
    state.groups.delete(group);
  }

  #leaveGroups(state: Channel): void {
    for (const group of state.groups) this.#leave(group, state);
  }

  /** Once per expiry, drops what nobody will read, and returns the time. */
  #sweep(): number {
    const now = this.#now();
    if (now < this.#nextSweep) return now;
    this.#nextSweep = now + this.#expiryMs;
    for (const [group, members] of this.#groups) {
      for (const membership of members.values()) {
        if (!isAlive(membership, now)) this.#leave(group, membership.state);
      }
    }
    for (const state of this.#channels.values()) {
      this.#dropExpired(state, now);
      this.#forget(state);
    }
    return now;
  }

  #channel(name: string): Channel {
    let state = this.#channels.get(name);
    if (!state) {
      state = {
        name,
        unread: new BoundedQueue(this.#capacity),
        receivers: new Set(),
        groups: new Set(),
        listener: undefined,
      };
      this.#channels.set(name, state);
    }
    return state;
  }

  #forget(state: Channel): void {
    if (state.unread.size > 0 || state.receivers.size > 0) return;
    if (state.groups.size > 0 || state.listener) return;
    if (this.#channels.get(state.name) === state) this.#channels.delete(state.name);
  }

  #assertOpen(): void {
    if (this.#closed) throw closedError();
  }
}

interface Channel {
  readonly name: string;
  readonly unread: BoundedQueue<{ readonly isolated: IsolatedMessage; readonly expiresAt: number }>;
  readonly receivers: Set<Receiver>;
  readonly groups: Set<string>;
  listener: ChannelListener | undefined;
}

interface Receiver {
  resolve(message: LayerMessage): void;
  reject(error: Error): void;
}

interface Membership {
  /** The member itself, so that a group's message need not look up each of them. */
  readonly state: Channel;
  readonly expiresAt: number;
}

/** A member that is listened to is alive, however long ago it joined. */
function isAlive({ state, expiresAt }: Membership, now: number): boolean {
  return expiresAt > now || state.listener !== undefined;
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

import { BoundedQueue } from "../core/bounded-queue.ts";
import { TidingsError } from "../core/errors.ts";
import { assertDuration } from "../core/options.ts";
import { steadyTime } from "../core/steady-time.ts";
import { Capacity } from "./capacity.ts";
import type { IncidentLog } from "./incident-log.ts";
import type { ChannelListener, LayerMessage, LayerOptions, ReceiveOptions } from "./layer.ts";
import { isolateMessage, type IsolatedMessage } from "./message.ts";

/** What the channels of a process need. */
export interface LocalChannelsOptions extends LayerOptions {
  /** Where it is told what was dropped. */
  readonly incidents: IncidentLog;
  /** The time in milliseconds, for tests. @default one that nobody sets */
  readonly now?: (() => number) | undefined;
  /** Called when the last member of a group has left. */
  readonly onGroupEmpty?: ((group: string) => void) | undefined;
  /** Called when nobody uses a channel any more: no reader, no message, no group. */
  readonly onForget?: ((channel: string) => void) | undefined;
}

/**
 * The channels and groups of this process: who reads, what waits, who is a member.
 *
 * What every layer has at its end, whatever brings the messages. Names and messages are the caller's
 * to check. Bound: the capacity of each channel; what nobody reads is swept out when this is used, at
 * the latest two expiries later.
 */
export class LocalChannels {
  readonly #expiryMs: number;
  readonly #groupExpiryMs: number;
  readonly #capacity: Capacity;
  readonly #now: () => number;
  readonly #incidents: IncidentLog;
  readonly #onGroupEmpty: ((group: string) => void) | undefined;
  readonly #onForget: ((channel: string) => void) | undefined;
  readonly #channels = new Map<string, Channel>();
  readonly #groups = new Map<string, Set<Channel>>();
  #nextSweep = 0;
  #isClosed = false;

  constructor({
    expiryMs = 60_000,
    groupExpiryMs = 86_400_000,
    capacity,
    channelCapacity,
    incidents,
    now = steadyTime,
    onGroupEmpty,
    onForget,
  }: LocalChannelsOptions) {
    this.#expiryMs = assertDuration("expiryMs", expiryMs);
    this.#groupExpiryMs = assertDuration("groupExpiryMs", groupExpiryMs);
    this.#capacity = new Capacity({ capacity, channelCapacity });
    this.#now = now;
    this.#incidents = incidents;
    this.#onGroupEmpty = onGroupEmpty;
    this.#onForget = onForget;
  }

  /** Gives a message to whoever reads the channel, or keeps it; `false`, and told, without room. */
  deliver(channel: string, isolated: IsolatedMessage): boolean {
    const now = this.#sweep();
    if (this.#give(this.#channel(channel), isolated, now)) return true;
    this.#incidents.report({ kind: "dropped", reason: "full", name: channel, count: 1 });
    return false;
  }

  /** Gives a message to every member of a group; those without room miss it, which is told. */
  deliverGroup(group: string, isolated: IsolatedMessage): void {
    const now = this.#sweep();
    let missed = 0;
    for (const member of this.#groups.get(group) ?? []) {
      if (!isAlive(member, group, now)) this.#leave(group, member);
      else if (!this.#give(member, isolated, now)) missed++;
    }
    if (missed === 0) return;
    this.#incidents.report({ kind: "dropped", reason: "full", name: group, count: missed });
  }

  async receive(channel: string, { signal }: ReceiveOptions = {}): Promise<LayerMessage> {
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
        state.receivers?.delete(receiver);
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
      state.receivers ??= new Set();
      state.receivers.add(receiver);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Hands over what waits, then whatever comes; returns what ends it, and the memberships. */
  listen(channel: string, listener: ChannelListener): () => void {
    const state = this.#channel(channel);
    if (state.listener) {
      throw new TidingsError("OPTION_INVALID", `channel \`${channel}\` has a listener`);
    }
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

  /** Makes a channel a member of a group, or renews its membership; returns what undoes that. */
  join(group: string, channel: string): () => void {
    const now = this.#sweep();
    let members = this.#groups.get(group);
    if (!members) this.#groups.set(group, (members = new Set()));
    const state = this.#channel(channel);
    const wasMember = members.has(state) && isAlive(state, group, now);
    const membership = { expiresAt: now + this.#groupExpiryMs };
    members.add(state);
    state.groups ??= new Map();
    state.groups.set(group, membership);
    return () => {
      if (wasMember || state.groups?.get(group) !== membership) return;
      this.#leave(group, state);
      this.#forget(state);
    };
  }

  leave(group: string, channel: string): void {
    const state = this.#channels.get(channel);
    if (!state) return;
    this.#leave(group, state);
    this.#forget(state);
  }

  /** Whether anybody is a member of the group. */
  hasGroup(group: string): boolean {
    return this.#groups.has(group);
  }

  /** Whether the channel is read, holds a message or is a member of a group. */
  hasChannel(channel: string): boolean {
    return this.#channels.has(channel);
  }

  /** Drops every message and membership. */
  flush(): void {
    for (const state of this.#channels.values()) {
      this.#leaveGroups(state);
      state.unread = undefined;
      this.#forget(state);
    }
  }

  /** Ends it; waiting receivers are told. */
  close(): void {
    this.#isClosed = true;
    this.#groups.clear();
    for (const state of this.#channels.values()) {
      for (const receiver of state.receivers ?? []) receiver.reject(closedError());
    }
    this.#channels.clear();
  }

  assertOpen(): void {
    if (this.#isClosed) throw closedError();
  }

  #give(state: Channel, isolated: IsolatedMessage, now: number): boolean {
    if (state.listener) return state.listener(ownMessage(isolated));
    for (const receiver of state.receivers ?? []) {
      state.receivers?.delete(receiver);
      receiver.resolve(ownMessage(isolated));
      this.#forget(state);
      return true;
    }
    state.unread ??= new BoundedQueue(this.#capacity.of(state.name));
    if (state.unread.isFull) this.#dropExpired(state, now);
    return state.unread.push({ isolated, expiresAt: now + this.#expiryMs });
  }

  #nextUnread(state: Channel, now: number): LayerMessage | undefined {
    this.#dropExpired(state, now);
    const next = state.unread?.shift();
    return next && ownMessage(next.isolated);
  }

  /** Drops messages past their time; nobody read them, so the channel leaves its groups. */
  #dropExpired(state: Channel, now: number): void {
    let count = 0;
    for (
      let next = state.unread?.peek();
      next && next.expiresAt <= now;
      next = state.unread?.peek()
    ) {
      state.unread?.shift();
      count++;
    }
    if (count === 0) return;
    if (!state.receivers?.size) this.#leaveGroups(state);
    this.#incidents.report({ kind: "dropped", reason: "expired", name: state.name, count });
  }

  #leave(group: string, state: Channel): void {
    state.groups?.delete(group);
    const members = this.#groups.get(group);
    if (!members?.delete(state) || members.size > 0) return;
    this.#groups.delete(group);
    this.#onGroupEmpty?.(group);
  }

  #leaveGroups(state: Channel): void {
    for (const group of state.groups?.keys() ?? []) this.#leave(group, state);
  }

  /** Once per expiry, drops what nobody will read, and returns the time. */
  #sweep(): number {
    const now = this.#now();
    if (now < this.#nextSweep) return now;
    this.#nextSweep = now + this.#expiryMs;
    for (const [group, members] of this.#groups) {
      for (const member of members) {
        if (!isAlive(member, group, now)) this.#leave(group, member);
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
        listener: undefined,
        groups: undefined,
        unread: undefined,
        receivers: undefined,
      };
      this.#channels.set(name, state);
    }
    return state;
  }

  #forget(state: Channel): void {
    if (state.listener || state.groups?.size) return;
    if (state.unread?.size || state.receivers?.size) return;
    if (this.#channels.get(state.name) !== state) return;
    this.#channels.delete(state.name);
    this.#onForget?.(state.name);
  }
}

/** Most channels are listened to and in a group or two: what few need is made when it is needed. */
interface Channel {
  readonly name: string;
  listener: ChannelListener | undefined;
  /** The groups that it is in. */
  groups: Map<string, Membership> | undefined;
  unread: BoundedQueue<Unread> | undefined;
  receivers: Set<Receiver> | undefined;
}

interface Membership {
  readonly expiresAt: number;
}

interface Unread {
  readonly isolated: IsolatedMessage;
  readonly expiresAt: number;
}

interface Receiver {
  resolve(message: LayerMessage): void;
  reject(error: Error): void;
}

/** A member that is listened to is alive, however long ago it joined. */
function isAlive({ listener, groups }: Channel, group: string, now: number): boolean {
  return listener !== undefined || (groups?.get(group)?.expiresAt ?? 0) > now;
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

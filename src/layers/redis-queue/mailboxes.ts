import { BoundedQueue } from "../../core/bounded-queue.ts";
import { TidingsError } from "../../core/errors.ts";
import type { Capacity } from "../capacity.ts";
import type { IncidentLog } from "../incident-log.ts";
import type { ChannelListener, LayerMessage } from "../layer.ts";
import { isolateMessage, type IsolatedMessage } from "../message.ts";

/** A stranger could invent names of this process: so many of them may wait for a reader. */
const MAX_UNHELD = 10_000;

/** What {@link Mailboxes} need. */
export interface MailboxesOptions {
  readonly capacity: Capacity;
  readonly incidents: IncidentLog;
  /** Nobody has read what came for a channel in time. */
  readonly onUnread: (channel: string) => void;
}

/** A message with the time at which it expires, in milliseconds. */
export interface ArrivedMessage extends IsolatedMessage {
  readonly expiresAt: number;
}

/**
 * Who reads which channel in this process, and what waits for them.
 *
 * Bounds: the capacity of each channel; 10,000 channels that nobody holds.
 */
export class Mailboxes {
  readonly #options: MailboxesOptions;
  readonly #boxes = new Map<string, Mailbox>();

  constructor(options: MailboxesOptions) {
    this.#options = options;
  }

  /** Whether a listener holds the channel. */
  isHeld(channel: string): boolean {
    return this.#boxes.get(channel)?.listener !== undefined;
  }

  /** How many messages of a channel would find a reader now; a listener counts as one. */
  demand(channel: string): number {
    const box = this.#boxes.get(channel);
    return box ? box.receivers.size + (box.listener ? 1 : 0) : 0;
  }

  /** Since when somebody has been reading the channel without a break; `undefined` when nobody does. */
  readSince(channel: string): number | undefined {
    return this.demand(channel) > 0 ? this.#boxes.get(channel)?.since : undefined;
  }

  /** Hands a message to a reader; `false` when there is none, or none with room. */
  offer(channel: string, message: IsolatedMessage): boolean {
    const box = this.#boxes.get(channel);
    if (!box) return false;
    const [receiver] = box.receivers;
    if (!receiver) return box.listener?.(toOwn(message)) ?? false;
    box.receivers.delete(receiver);
    receiver.resolve(toOwn(message));
    this.#forget(box);
    return true;
  }

  /** Hands a message to a reader, or keeps it for one; what finds no room is counted. */
  deliver(channel: string, message: ArrivedMessage, now: number): void {
    if (this.offer(channel, message)) return;
    if (this.isHeld(channel) || !this.#keep(channel, message, now)) {
      this.#options.incidents.report({ kind: "dropped", reason: "full", name: channel, count: 1 });
    }
  }

  async receive(channel: string, now: number, signal?: AbortSignal): Promise<LayerMessage> {
    const unread = this.#nextUnread(channel, now);
    if (unread) return toOwn(unread);
    const { promise, resolve, reject } = Promise.withResolvers<LayerMessage>();
    const receiver = { resolve, reject };
    const waiting = this.#readBox(channel, now);
    const onAbort = (): void => {
      waiting.receivers.delete(receiver);
      this.#forget(waiting);
      reject(toAbortError(signal));
    };
    waiting.receivers.add(receiver);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      return await promise;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Hands over what waits, then everything; returns what ends it. */
  listen(channel: string, listener: ChannelListener, now: number): () => void {
    if (this.isHeld(channel)) {
      throw new TidingsError("OPTION_INVALID", `channel \`${channel}\` has a listener`);
    }
    for (let next = this.#nextUnread(channel, now); next; next = this.#nextUnread(channel, now)) {
      if (listener(toOwn(next))) continue;
      this.#options.incidents.report({ kind: "dropped", reason: "full", name: channel, count: 1 });
    }
    const box = this.#readBox(channel, now);
    box.listener = listener;
    return () => {
      if (box.listener === listener) box.listener = undefined;
      this.#forget(box);
    };
  }

  /** Drops what nobody has read in time. */
  sweep(now: number): void {
    for (const box of this.#boxes.values()) {
      this.#dropExpired(box, now);
      this.#forget(box);
    }
  }

  clear(): void {
    for (const box of this.#boxes.values()) {
      box.unread?.clear();
      this.#forget(box);
    }
  }

  close(error: Error): void {
    for (const { receivers } of this.#boxes.values()) {
      for (const receiver of receivers) receiver.reject(error);
    }
    this.#boxes.clear();
  }

  #keep(channel: string, message: ArrivedMessage, now: number): boolean {
    if (this.#boxes.size >= MAX_UNHELD && !this.#boxes.has(channel)) return false;
    const box = this.#box(channel);
    box.unread ??= new BoundedQueue(this.#options.capacity.of(channel));
    if (box.unread.isFull) this.#dropExpired(box, now);
    return box.unread.push(message);
  }

  #dropExpired(box: Mailbox, now: number): void {
    const { unread, name } = box;
    let count = 0;
    for (let next = unread?.peek(); next && next.expiresAt <= now; next = unread?.peek()) {
      unread?.shift();
      count++;
    }
    if (count === 0) return;
    this.#options.incidents.report({ kind: "dropped", reason: "expired", name, count });
    if (this.demand(name) === 0) this.#options.onUnread(name);
  }

  #nextUnread(channel: string, now: number): ArrivedMessage | undefined {
    const box = this.#boxes.get(channel);
    if (!box) return undefined;
    this.#dropExpired(box, now);
    const next = box.unread?.shift();
    this.#forget(box);
    return next;
  }

  #readBox(channel: string, now: number): Mailbox {
    const isNew = this.demand(channel) === 0;
    const box = this.#box(channel);
    if (isNew) box.since = now;
    return box;
  }

  #box(name: string): Mailbox {
    let box = this.#boxes.get(name);
    if (!box) {
      box = { name, since: 0, receivers: new Set(), unread: undefined, listener: undefined };
      this.#boxes.set(name, box);
    }
    return box;
  }

  #forget(box: Mailbox): void {
    if (box.receivers.size > 0 || box.listener || (box.unread?.size ?? 0) > 0) return;
    if (this.#boxes.get(box.name) === box) this.#boxes.delete(box.name);
  }
}

interface Mailbox {
  readonly name: string;
  /** When the first of those who read now began to. */
  since: number;
  readonly receivers: Set<Receiver>;
  /** Made when a message has to wait, which it seldom has to. */
  unread: BoundedQueue<ArrivedMessage> | undefined;
  listener: ChannelListener | undefined;
}

interface Receiver {
  resolve(message: LayerMessage): void;
  reject(error: Error): void;
}

function toOwn({ message, hasBytes }: IsolatedMessage): LayerMessage {
  return hasBytes ? isolateMessage(message).message : message;
}

function toAbortError(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason;
  return Error.isError(reason) ? reason : new Error("receive was aborted", { cause: reason });
}

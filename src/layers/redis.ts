import { setTimeout as sleep } from "node:timers/promises";

import { backoffMs } from "../core/backoff.ts";
import { TidingsError, toError } from "../core/errors.ts";
import { assertDuration } from "../core/options.ts";
import { steadyTime } from "../core/steady-time.ts";
import type { Redis } from "../redis/index.ts";
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
import { LocalChannels } from "./local-channels.ts";
import { isolateMessage, type IsolatedMessage } from "./message.ts";
import { assertChannelName, assertGroupName } from "./names.ts";
import { randomId } from "./random-id.ts";
import { createCodec, type Codec, type SerializerFormat } from "./wire/codec.ts";
import { shardIndex } from "./wire/shard.ts";

/** Options of the {@link RedisLayer}. */
export interface RedisLayerOptions extends LayerOptions {
  /** What the names of new channels and groups start with in Redis. @default "asgi" */
  readonly prefix?: string | undefined;
  /** How messages are written. @default "msgpack" */
  readonly serializerFormat?: SerializerFormat | undefined;
  /** Encrypts with the first key, decrypts with each. @default none */
  readonly symmetricEncryptionKeys?: readonly (string | Uint8Array)[] | undefined;
  /** The time in milliseconds, for tests. @default one that nobody sets */
  readonly now?: (() => number) | undefined;
}

/**
 * A channel layer over the pub/sub of Redis, in the format of channels_redis' pub/sub layer.
 *
 * Delivery: at most once, to whoever is subscribed at that moment; order of one sender kept. What is
 * sent to a group goes through Redis once, and is decoded once in each process that has members.
 * Survives: nothing; a break of the connection is told as a `gap`. Reaches: every process on the same
 * Redis, those of Python included. With several hosts, the CRC-32 of a name chooses one.
 *
 * What the format leaves no room for:
 * - A channel is heard from `newChannel`, `receive` or `listen` on, until one `expiryMs` after its
 *   last reader; what is sent before is dropped, and told as `unheard`.
 * - Every process that reads a channel of the same name gets each of its messages.
 * - `send` never throws LAYER_CHANNEL_FULL: the process that reads finds that its channel is full,
 *   drops the message, and tells.
 * - A channel joins groups in the process that reads it.
 *
 * Bound: `capacity` unread messages per channel; subscriptions: those of the channels and groups in
 * use. The layer owns the connections that it is given, and closes them.
 */
export class RedisLayer implements ChannelLayer {
  readonly #hosts: readonly [Redis, ...Redis[]];
  readonly #prefix: string;
  readonly #expiryMs: number;
  readonly #now: () => number;
  readonly #codec: Codec;
  readonly #incidents = new IncidentLog();
  readonly #local: LocalChannels;
  /** The channels that are heard, and until when without a reader. */
  readonly #heard = new Map<string, number>();
  readonly #closing = new AbortController();
  #nextSweep = 0;

  constructor(
    hosts: readonly [Redis, ...Redis[]],
    {
      prefix = "asgi",
      serializerFormat,
      symmetricEncryptionKeys,
      expiryMs = 60_000,
      now = steadyTime,
      ...bounds
    }: RedisLayerOptions = {},
  ) {
    this.#hosts = hosts;
    this.#prefix = prefix;
    this.#expiryMs = assertDuration("expiryMs", expiryMs);
    this.#now = now;
    this.#codec = createCodec({ format: serializerFormat, symmetricEncryptionKeys });
    this.#local = new LocalChannels({
      ...bounds,
      expiryMs,
      now,
      incidents: this.#incidents,
      onGroupEmpty: (group) => this.#unsubscribe(this.#groupKey(group)),
      onForget: (channel) => this.#unhear(channel),
    });
    for (const host of hosts) {
      host.onGap((gap) => this.#incidents.report({ kind: "gap", ...gap }));
    }
  }

  get incidents(): LayerIncidents {
    return this.#incidents.counts;
  }

  onIncident(listener: (incident: LayerIncident) => void): () => void {
    return this.#incidents.listen(listener);
  }

  /** Returns a new name once it is heard, as `asgispecific.<32 hex digits>`. */
  async newChannel(prefix = "specific"): Promise<string> {
    this.#local.assertOpen();
    const id = randomId();
    const channel = assertChannelName(`${this.#prefix}${prefix}.${id}`);
    this.#sweep();
    await this.#hear(channel);
    return channel;
  }

  async send(channel: string, message: OutgoingMessage): Promise<void> {
    this.#local.assertOpen();
    assertChannelName(channel);
    const listeners = await this.#publish(channel, message);
    if (listeners > 0) return;
    this.#incidents.report({ kind: "dropped", reason: "unheard", name: channel, count: 1 });
  }

  async receive(channel: string, options?: ReceiveOptions): Promise<LayerMessage> {
    this.#local.assertOpen();
    assertChannelName(channel);
    this.#sweep();
    void this.#keepHearing(channel);
    return await this.#local.receive(channel, options);
  }

  listen(channel: string, listener: ChannelListener): () => void {
    this.#local.assertOpen();
    assertChannelName(channel);
    const unlisten = this.#local.listen(channel, listener);
    void this.#keepHearing(channel);
    return () => {
      // Its reader is gone for good: nothing is kept for another.
      if (this.#heard.has(channel)) this.#heard.set(channel, 0);
      unlisten();
    };
  }

  /** Resolves when what is sent to the group reaches the channel. */
  async groupAdd(group: string, channel: string): Promise<void> {
    this.#local.assertOpen();
    assertGroupName(group);
    assertChannelName(channel);
    const undo = this.#local.join(group, channel);
    const key = this.#groupKey(group);
    try {
      await this.#hostOf(key).subscribe(key, (payload) => this.#onGroupMessage(group, payload));
    } catch (error) {
      undo();
      throw this.#closing.signal.aborted ? closedError() : error;
    }
  }

  async groupDiscard(group: string, channel: string): Promise<void> {
    this.#local.assertOpen();
    assertGroupName(group);
    assertChannelName(channel);
    this.#local.leave(group, channel);
  }

  async groupSend(group: string, message: OutgoingMessage): Promise<void> {
    this.#local.assertOpen();
    assertGroupName(group);
    await this.#publish(this.#groupKey(group), message);
  }

  /** Drops every message and membership of this process. */
  async flush(): Promise<void> {
    this.#local.assertOpen();
    this.#local.flush();
  }

  async check(): Promise<void> {
    this.#local.assertOpen();
    await Promise.all(this.#hosts.map((redis) => redis.command(["PING"], { key: this.#prefix })));
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#local.close();
    this.#heard.clear();
    await Promise.all(this.#hosts.map((host) => host.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #publish(key: string, message: OutgoingMessage): Promise<number> {
    const payload = this.#codec.encode(isolateMessage(message).message);
    return await this.#hostOf(key).publish(key, payload);
  }

  #onChannelMessage(channel: string, payload: Buffer): void {
    const decoded = this.#decode(channel, payload);
    if (decoded) this.#local.deliver(channel, decoded);
  }

  #onGroupMessage(group: string, payload: Buffer): void {
    const decoded = this.#decode(group, payload);
    if (decoded) this.#local.deliverGroup(group, decoded);
  }

  #decode(name: string, payload: Buffer): IsolatedMessage | undefined {
    try {
      return this.#codec.decode(payload);
    } catch (error) {
      this.#incidents.report({ kind: "poison", name, reason: toError(error).message });
      return undefined;
    }
  }

  async #hear(channel: string): Promise<void> {
    const isHeard = this.#heard.has(channel);
    this.#heard.set(channel, this.#now() + this.#expiryMs);
    if (isHeard) return;
    try {
      await this.#hostOf(channel).subscribe(channel, (payload) =>
        this.#onChannelMessage(channel, payload),
      );
    } catch (error) {
      this.#heard.delete(channel);
      throw this.#closing.signal.aborted ? closedError() : error;
    }
  }

  /** Hears a channel that has a reader, however long Redis is away. */
  async #keepHearing(channel: string): Promise<void> {
    for (let attempt = 0; this.#local.hasChannel(channel) || attempt === 0; attempt++) {
      try {
        return await this.#hear(channel);
      } catch {
        // Whoever reads waits anyway; what they miss meanwhile is told as a gap or as unheard.
        await sleep(backoffMs(attempt), undefined, { signal: this.#closing.signal }).catch(ignore);
      }
    }
  }

  /** Nobody uses the channel now: it is heard for as long as a reader may come back. */
  #unhear(channel: string): void {
    const until = this.#heard.get(channel);
    if (until === undefined || until > this.#now()) return;
    this.#heard.delete(channel);
    this.#unsubscribe(channel);
  }

  /** Once per expiry, stops hearing what nobody reads any more. */
  #sweep(): void {
    const now = this.#now();
    if (now < this.#nextSweep) return;
    this.#nextSweep = now + this.#expiryMs;
    for (const channel of this.#heard.keys()) {
      if (!this.#local.hasChannel(channel)) this.#unhear(channel);
    }
  }

  #unsubscribe(key: string): void {
    void this.#hostOf(key).unsubscribe(key).catch(ignore);
  }

  #groupKey(group: string): string {
    return `${this.#prefix}__group__${group}`;
  }

  #hostOf(key: string): Redis {
    return this.#hosts[shardIndex(key, this.#hosts.length)] ?? this.#hosts[0];
  }
}

/** For what fails only because everything is being closed, and is waited for by nobody. */
function ignore(): void {}

function closedError(): TidingsError {
  return new TidingsError("LAYER_CLOSED", "the channel layer is closed");
}

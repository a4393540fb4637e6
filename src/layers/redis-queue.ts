import { randomBytes } from "node:crypto";

import { TidingsError } from "../core/errors.ts";
import { assertDuration, invalidOption } from "../core/options.ts";
import type { Redis } from "../redis/index.ts";
import { Capacity } from "./capacity.ts";
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
import { isolateMessage } from "./message.ts";
import { assertChannelName, assertGroupName } from "./names.ts";
import { KnownChannels } from "./redis-queue/flush.ts";
import { QueueGroups } from "./redis-queue/groups.ts";
import { QueueHost } from "./redis-queue/host.ts";
import { QueueIncoming } from "./redis-queue/incoming.ts";
import { Mailboxes } from "./redis-queue/mailboxes.ts";
import { Memberships } from "./redis-queue/memberships.ts";
import { createProcessId, isSpecific, queueOf } from "./redis-queue/queue-names.ts";
import { QueueSender, type QueueEntry } from "./redis-queue/sender.ts";
import { createCodec, type Codec, type SerializerFormat } from "./wire/codec.ts";
import { shardIndex } from "./wire/shard.ts";

/** Chooses the node of a cluster that is asked whether it is there. */
const PING_KEY = "tidings";
/** How long closing waits for Redis to forget this process. */
const FAREWELL_MS = 1_000;

/** An encrypted message may be that much older than the expiry, as channels_redis has it. */
const CLOCK_SKEW_MS = 10_000;

/** Options of the {@link RedisQueueLayer}, named after those of channels_redis. */
export interface RedisQueueLayerOptions extends LayerOptions {
  /** What every key begins with. @default "asgi" */
  readonly prefix?: string | undefined;
  /** How messages are written. @default "msgpack" */
  readonly serializerFormat?: SerializerFormat | undefined;
  /** Encrypts with the first key, decrypts with each. @default none, messages are readable */
  readonly symmetricEncryptionKeys?: readonly (string | Uint8Array)[] | undefined;
  /** Random bytes in front of each message: without them two equal ones are one. @default 12 */
  readonly randomPrefixLength?: number | undefined;
  /**
   * How long a message may lie where a Python worker puts it between taking and handling it.
   *
   * Then the worker is taken for dead, and another has the message. @default 5_000
   */
  readonly reclaimAfterMs?: number | undefined;
  /** The time in milliseconds, for tests. @default Date.now */
  readonly now?: (() => number) | undefined;
}

/**
 * A channel layer of queues in Redis, which Python's `channels_redis.core` shares.
 *
 * Delivery: at most once. A message to a channel without a reader waits in Redis; several processes
 * that receive from one general channel share its messages. Survives: a restart of ours, not one of
 * Redis, which is told as a `gap`; memberships of living channels are then made again.
 * Bound: `capacity` messages for each general channel, in Redis, and for each channel of a connection,
 * in its process. A message is taken from a general channel only when somebody waits for it; a listener
 * without room leaves it there, and the sender is told once the channel is full.
 * Clocks of all processes must agree within `expiryMs`: the age of a message is that of its sender.
 * One connection to each host for each prefix of `newChannel`, one for each general channel that is read.
 * The layer owns the connections that it is given, and closes them. Several hosts share the channels as
 * channels_redis has it, so all processes must name them in one order.
 */
export class RedisQueueLayer implements ChannelLayer {
  readonly #hosts: readonly QueueHost[];
  readonly #groupExpiryMs: number;
  readonly #now: () => number;
  readonly #codec: Codec;
  readonly #incidents = new IncidentLog();
  readonly #memberships = new Memberships();
  readonly #mailboxes: Mailboxes;
  readonly #groups: QueueGroups;
  readonly #sender: QueueSender;
  readonly #known: KnownChannels;
  readonly #incoming: QueueIncoming;
  readonly #processId: string = createProcessId();
  readonly #renewal: NodeJS.Timeout;
  #nextRenewal: number;
  #nextHost = 0;
  #isClosed = false;

  constructor(
    hosts: readonly [Redis, ...Redis[]],
    {
      prefix = "asgi",
      expiryMs = 60_000,
      groupExpiryMs = 86_400_000,
      capacity,
      channelCapacity,
      serializerFormat: format,
      symmetricEncryptionKeys,
      randomPrefixLength = 12,
      reclaimAfterMs = 5_000,
      now = Date.now,
    }: RedisQueueLayerOptions = {},
  ) {
    assertDuration("expiryMs", expiryMs);
    assertDuration("reclaimAfterMs", reclaimAfterMs);
    this.#groupExpiryMs = assertDuration("groupExpiryMs", groupExpiryMs);
    this.#now = now;
    const maxAgeMs = expiryMs + CLOCK_SKEW_MS;
    this.#codec = createCodec({
      format,
      symmetricEncryptionKeys,
      randomPrefixLength,
      maxAgeMs,
      now,
    });
    const capacities = new Capacity({ capacity, channelCapacity });
    this.#mailboxes = new Mailboxes({
      capacity: capacities,
      incidents: this.#incidents,
      onUnread: (channel) => this.#leaveGroups(channel),
    });
    this.#groups = new QueueGroups({
      prefix,
      groupExpiryMs,
      memberships: this.#memberships,
      hostOf: (group) => this.#hostOf(group),
    });
    this.#sender = new QueueSender({ prefix, expiryMs, capacity: capacities });
    this.#known = new KnownChannels(prefix, expiryMs);
    const events = { onRecovered: this.#rejoin.bind(this) };
    this.#hosts = hosts.map((redis) => new QueueHost(redis, events));
    this.#incoming = new QueueIncoming({
      hosts: this.#hosts,
      prefix,
      processId: this.#processId,
      expiryMs,
      reclaimAfterMs,
      codec: this.#codec,
      mailboxes: this.#mailboxes,
      incidents: this.#incidents,
      now,
      onUnread: (channel) => this.#leaveGroups(channel),
    });
    this.#nextRenewal = now() + groupExpiryMs / 4;
    const intervalMs = Math.min(Math.max(groupExpiryMs / 4, 100), 3_600_000);
    this.#renewal = setInterval(() => void this.#renew().catch(ignoreUntilNextTime), intervalMs);
    this.#renewal.unref();
  }

  get incidents(): LayerIncidents {
    return this.#incidents.counts;
  }

  onIncident(listener: (incident: LayerIncident) => void): () => void {
    return this.#incidents.listen(listener);
  }

  async newChannel(prefix = "specific"): Promise<string> {
    this.#assertOpen();
    const random = randomBytes(16).toString("hex");
    const channel = assertChannelName(`${prefix}.${this.#processId}!${random}`);
    this.#incoming.openQueue(queueOf(channel));
    return channel;
  }

  async send(channel: string, message: OutgoingMessage): Promise<void> {
    this.#assertOpen();
    assertChannelName(channel);
    const addressee = isSpecific(channel) ? channel : undefined;
    const member = this.#codec.encode(isolateMessage(message).message, addressee);
    const host = addressee ? this.#hostOf(queueOf(channel)) : this.#turn();
    const now = this.#now();
    const [[result]] = await Promise.all([
      this.#sender.add([{ channel, host, member }], now),
      this.#note(channel, host),
    ]);
    this.#countExpired(channel, result?.expiredCount ?? 0);
    if (result?.isAdded) return;
    this.#incidents.report({ kind: "dropped", reason: "full", name: channel, count: 1 });
    throw new TidingsError("LAYER_CHANNEL_FULL", `channel \`${channel}\` is full`);
  }

  async receive(channel: string, { signal }: ReceiveOptions = {}): Promise<LayerMessage> {
    this.#assertOpen();
    assertChannelName(channel);
    signal?.throwIfAborted();
    const wake = this.#incoming.open(channel);
    const received = this.#mailboxes.receive(channel, this.#now(), signal);
    wake();
    try {
      return await received;
    } finally {
      this.#incoming.settle(channel);
    }
  }

  listen(channel: string, listener: ChannelListener): () => void {
    this.#assertOpen();
    assertChannelName(channel);
    const wake = this.#incoming.open(channel);
    const unlisten = this.#mailboxes.listen(channel, listener, this.#now());
    wake();
    return () => {
      unlisten();
      this.#incoming.settle(channel);
      this.#leaveGroups(channel);
    };
  }

  async groupAdd(group: string, channel: string): Promise<void> {
    this.#assertOpen();
    assertGroupName(group);
    assertChannelName(channel);
    await this.#groups.add({ group, channel, since: this.#now() });
  }

  async groupDiscard(group: string, channel: string): Promise<void> {
    this.#assertOpen();
    assertGroupName(group);
    assertChannelName(channel);
    await this.#groups.discard(group, channel);
  }

  async groupSend(group: string, message: OutgoingMessage): Promise<void> {
    this.#assertOpen();
    assertGroupName(group);
    const { message: isolated } = isolateMessage(message);
    if (this.#now() >= this.#nextRenewal) await this.#renew();
    const members = await this.#groups.members(group, this.#now());
    const queues = [...Map.groupBy(members, queueOf).entries()].map(([queue, channels]) => ({
      queue,
      channels,
      host: this.#hostOf(queue),
    }));
    const entries = queues.map(({ channels, host }): QueueEntry => ({
      channel: channels[0] ?? "",
      host,
      member: this.#codec.encode(isolated, channels),
    }));
    const [results] = await Promise.all([
      this.#sender.add(entries, this.#now()),
      ...queues.map(({ queue, host }) => this.#note(queue, host)),
    ]);
    let missed = 0;
    for (const [index, { queue, channels }] of queues.entries()) {
      const result = results[index];
      this.#countExpired(queue, result?.expiredCount ?? 0);
      if (!result?.isAdded) missed += channels.length;
    }
    if (missed === 0) return;
    this.#incidents.report({ kind: "dropped", reason: "full", name: group, count: missed });
  }

  async flush(): Promise<void> {
    this.#assertOpen();
    this.#memberships.clear();
    this.#mailboxes.clear();
    const { channels } = this.#incoming;
    await Promise.all(this.#hosts.map((host) => this.#known.flush(host, channels)));
    this.#known.clear();
  }

  async check(): Promise<void> {
    this.#assertOpen();
    await Promise.all(this.#hosts.map(({ redis }) => redis.command(["PING"], { key: PING_KEY })));
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#renewal);
    this.#mailboxes.close(closedError());
    await Promise.all([this.#incoming.close(), this.#sayFarewell()]);
    await Promise.all(this.#hosts.map(({ redis }) => redis.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Takes our channels out of their groups, if Redis answers soon: nobody reads them any more. */
  async #sayFarewell(): Promise<void> {
    const channels = new Set(this.#memberships.all().map(({ channel }) => channel));
    const leaving = [...channels]
      .filter(isSpecific)
      .map((channel) => this.#groups.leave(channel).catch(ignoreWhatExpires));
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, FAREWELL_MS);
    await Promise.race([Promise.all(leaving), promise]);
    clearTimeout(timer);
  }

  /** The host of a group, or of the queue of a process; its receivers compute the same. */
  #hostOf(name: string): QueueHost {
    return this.#hostAt(shardIndex(name, this.#hosts.length));
  }

  /** The host whose turn it is: general channels are spread, and read everywhere. */
  #turn(): QueueHost {
    return this.#hostAt(this.#nextHost++ % this.#hosts.length);
  }

  #hostAt(index: number): QueueHost {
    const host = this.#hosts[index];
    if (!host) throw invalidOption("hosts", "at least one host", this.#hosts.length);
    return host;
  }

  async #note(channel: string, host: QueueHost): Promise<void> {
    if (!isSpecific(channel)) await this.#known.note(channel, host, this.#now());
  }

  #countExpired(name: string, count: number): void {
    if (count === 0) return;
    this.#incidents.report({ kind: "dropped", reason: "expired", name, count });
    if (this.#mailboxes.demand(name) === 0) this.#leaveGroups(name);
  }

  #leaveGroups(channel: string): void {
    this.#groups.leave(channel).catch(ignoreWhatExpires);
  }

  /** Renews the memberships of living connections, and forgets what has expired here. */
  async #renew(): Promise<void> {
    const now = this.#now();
    this.#nextRenewal = now + this.#groupExpiryMs / 4;
    this.#mailboxes.sweep(now);
    const renewed = this.#memberships.renew((channel) => this.#mailboxes.isHeld(channel), now);
    this.#memberships.expire(now - this.#groupExpiryMs);
    await this.#groups.write(renewed);
  }

  /** A host is back, perhaps empty: makes the memberships on it again, then tells of the gap. */
  async #rejoin(host: QueueHost, from: number): Promise<void> {
    this.#memberships.renew((channel) => this.#mailboxes.isHeld(channel), this.#now());
    await this.#groups.write(this.#memberships.all(), host);
    this.#incidents.report({ kind: "gap", from, to: Date.now() });
  }

  #assertOpen(): void {
    if (this.#isClosed) throw closedError();
  }
}

/** Redis cannot be reached: then the membership ends by itself, or with what Redis has lost. */
function ignoreWhatExpires(): void {}

/** Redis cannot be reached: memberships are made again when it can be, and renewed the next time. */
function ignoreUntilNextTime(): void {}

function closedError(): TidingsError {
  return new TidingsError("LAYER_CLOSED", "the channel layer is closed");
}

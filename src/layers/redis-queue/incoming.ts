import { isTidingsError, TidingsError } from "../../core/errors.ts";
import type { IncidentLog } from "../incident-log.ts";
import type { Codec, DecodedMessage } from "../wire/codec.ts";
import type { QueueHost } from "./host.ts";
import { Intake } from "./intake.ts";
import type { Mailboxes } from "./mailboxes.ts";
import { isSpecific, queueOf } from "./queue-names.ts";
import { ProcessReader } from "./reader.ts";
import { toExpirySeconds } from "./sender.ts";
import type { QueuedMessage } from "./source.ts";

/** What {@link QueueIncoming} needs. */
export interface QueueIncomingOptions {
  readonly hosts: readonly QueueHost[];
  readonly prefix: string;
  readonly processId: string;
  readonly expiryMs: number;
  readonly reclaimAfterMs: number;
  readonly codec: Codec;
  readonly mailboxes: Mailboxes;
  readonly incidents: IncidentLog;
  readonly now: () => number;
  /** Nobody has read what came for a channel in time. */
  readonly onUnread: (channel: string) => void;
}

/**
 * What comes from Redis to this process: reads, decodes, and hands over.
 *
 * The queues of this process are read without a break, on every host: Python sends to a single channel
 * by its whole name, to a group by the name of the process. General channels are read on demand.
 */
export class QueueIncoming {
  readonly #options: QueueIncomingOptions;
  readonly #readers = new Map<string, readonly ProcessReader[]>();
  readonly #intakes = new Map<string, Intake>();

  constructor(options: QueueIncomingOptions) {
    this.#options = options;
  }

  /** The general channels that are read here. */
  get channels(): readonly string[] {
    return [...this.#intakes.keys()];
  }

  /**
   * Prepares to read a channel; returns what says that there is a reader now.
   *
   * @throws {TidingsError} LAYER_INVALID_NAME when another process reads it.
   */
  open(channel: string): () => void {
    if (!isSpecific(channel)) return () => this.#intake(channel).start();
    const queue = queueOf(channel);
    if (!queue.endsWith(`.${this.#options.processId}!`)) {
      throw new TidingsError(
        "LAYER_INVALID_NAME",
        `channel \`${channel}\` is read by another process`,
      );
    }
    this.openQueue(queue);
    return () => undefined;
  }

  /** Starts to read a queue of this process. */
  openQueue(queue: string): void {
    if (this.#readers.has(queue)) return;
    const { hosts, prefix } = this.#options;
    const onMessages = (messages: readonly QueuedMessage[]): void => {
      for (const message of messages) this.#deliver(queue, message);
    };
    this.#readers.set(
      queue,
      hosts.map((host) => new ProcessReader({ key: prefix + queue, host, onMessages })),
    );
  }

  /** A reader of the channel has gone. */
  settle(channel: string): void {
    this.#intakes.get(channel)?.settle();
  }

  async close(): Promise<void> {
    await Promise.all([
      ...[...this.#readers.values()].flat().map((reader) => reader.close()),
      ...[...this.#intakes.values()].map((intake) => intake.close()),
    ]);
  }

  #intake(channel: string): Intake {
    let intake = this.#intakes.get(channel);
    if (!intake) {
      const { hosts, prefix, expiryMs, reclaimAfterMs, mailboxes } = this.#options;
      intake = new Intake({
        key: prefix + channel,
        hosts,
        demand: () => mailboxes.demand(channel),
        offer: (message) => this.#offer(channel, message),
        onIdle: () => this.#intakes.delete(channel),
        reclaimAfterMs,
        expirySeconds: toExpirySeconds(expiryMs),
      });
      this.#intakes.set(channel, intake);
    }
    return intake;
  }

  /** Hands over a message of a general channel; `false` when it has no reader any more. */
  #offer(channel: string, queued: QueuedMessage): boolean {
    const { mailboxes } = this.#options;
    if (this.#isExpired(channel, queued)) {
      const since = mailboxes.readSince(channel);
      // Who reads now was not there when it expired: until then nobody read the channel.
      if (since === undefined || since >= this.#expiresAt(queued)) this.#options.onUnread(channel);
      return true;
    }
    if (mailboxes.demand(channel) === 0) return false;
    const message = this.#decode(channel, queued);
    return message ? mailboxes.offer(channel, message) : true;
  }

  /** Hands over a message of a queue of this process, to all channels that it names. */
  #deliver(queue: string, queued: QueuedMessage): void {
    if (this.#isExpired(queue, queued)) return;
    const decoded = this.#decode(queue, queued);
    if (!decoded) return;
    const { mailboxes, incidents, now } = this.#options;
    const { message, hasBytes, channels } = decoded;
    const arrived = { message, hasBytes, expiresAt: this.#expiresAt(queued) };
    const own = channels.filter((channel) => queueOf(channel) === queue);
    if (own.length === 0) {
      incidents.report({
        kind: "poison",
        name: queue,
        reason: "it names no channel of this process",
      });
    }
    for (const channel of own) mailboxes.deliver(channel, arrived, now());
  }

  #decode(name: string, { member }: QueuedMessage): DecodedMessage | undefined {
    try {
      return this.#options.codec.decode(member);
    } catch (error) {
      if (!isTidingsError(error, "LAYER_INVALID_MESSAGE")) throw error;
      this.#options.incidents.report({ kind: "poison", name, reason: error.message });
      return undefined;
    }
  }

  #isExpired(name: string, queued: QueuedMessage): boolean {
    if (this.#expiresAt(queued) > this.#options.now()) return false;
    this.#options.incidents.report({ kind: "dropped", reason: "expired", name, count: 1 });
    return true;
  }

  #expiresAt({ score }: QueuedMessage): number {
    return Number(score) * 1000 + this.#options.expiryMs;
  }
}

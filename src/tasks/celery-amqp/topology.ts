import { setTimeout as delay } from "node:timers/promises";

import {
  isAmqpRefusal,
  type AmqpChannel,
  type AmqpRefusalReason,
  type AmqpSession,
  type ExchangeOptions,
} from "../../amqp/index.ts";

/** How queues are declared that are not there yet. */
export interface QueueSettings {
  /** "classic", or "quorum": replicated, and safe from the loss of a node. */
  readonly type: "classic" | "quorum";
  /** `x-max-priority`: without it a queue knows no priorities. Only classic queues take it. */
  readonly maxPriority: number | undefined;
}

/** RabbitMQ writes half a second later, once nothing else is declared, which quorum queues it has. */
const RECORDED_MS = 1_500;

/**
 * What one connection knows to be there: queues with their exchanges, as Celery declares them.
 *
 * A queue that exists is taken as it is, whoever declared it and however.
 */
export class Topology {
  readonly #session: AmqpSession;
  readonly #settings: QueueSettings;
  readonly #queues = new Map<string, Promise<void>>();

  constructor(session: AmqpSession, settings: QueueSettings) {
    this.#session = session;
    this.#settings = settings;
  }

  /** The type of those that it declares. */
  get queueType(): QueueSettings["type"] {
    return this.#settings.type;
  }

  /** Makes sure that a queue is there. */
  async ensureQueue(name: string): Promise<void> {
    const ensuring = this.#queues.get(name) ?? this.#ensureQueue(name);
    this.#queues.set(name, ensuring);
    try {
      await ensuring;
    } catch (error) {
      this.forgetQueue(name);
      throw error;
    }
  }

  /** Somebody has removed it: it is made again when it is needed. */
  forgetQueue(name: string): void {
    this.#queues.delete(name);
  }

  /** Makes sure that an exchange is there, however it was declared. */
  async ensureExchange(name: string, options: ExchangeOptions): Promise<void> {
    await this.#ignoring("PRECONDITION_FAILED", (channel) =>
      channel.declareExchange(name, options),
    );
  }

  /** Returns how many messages wait in a queue; `null` when there is none of the name. */
  async countMessages(queue: string): Promise<number | null> {
    return (await this.#ignoring("NOT_FOUND", (channel) => channel.countMessages(queue))) ?? null;
  }

  /**
   * Waits until RabbitMQ knows after its death too that quorum queues are there which were just declared.
   *
   * One that is killed before starts them anew: empty, though it has confirmed what was in them, and
   * without a leader.
   */
  async untilRecorded(): Promise<void> {
    await delay(RECORDED_MS);
  }

  /** Asks on a channel of its own, which RabbitMQ ends when it refuses. */
  async withChannel<T>(ask: (channel: AmqpChannel) => Promise<T>): Promise<T> {
    await using channel = await this.#session.openChannel();
    return await ask(channel);
  }

  async #ensureQueue(name: string): Promise<void> {
    if ((await this.countMessages(name)) !== null) return;
    const { type, maxPriority } = this.#settings;
    await this.ensureExchange(name, { type: "direct", durable: true });
    await this.withChannel(async (channel) => {
      const priority = maxPriority === undefined ? {} : { "x-max-priority": maxPriority };
      await channel.declareQueue(name, {
        durable: true,
        arguments: type === "quorum" ? { "x-queue-type": "quorum" } : priority,
      });
      await channel.bindQueue(name, { exchange: name, pattern: name });
    });
    if (type === "quorum") await this.untilRecorded();
  }

  async #ignoring<T>(
    reason: AmqpRefusalReason,
    ask: (channel: AmqpChannel) => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await this.withChannel(ask);
    } catch (error) {
      if (isAmqpRefusal(error, reason)) return undefined;
      throw error;
    }
  }
}

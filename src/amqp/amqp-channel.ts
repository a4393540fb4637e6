import type { Channel, ConsumeMessage } from "amqplib";

import { Acknowledgements } from "./acknowledgements.ts";
import { AmqpUnavailable, toAmqpError } from "./amqp-errors.ts";
import type { AmqpDelivery } from "./amqp-message.ts";
import { closePolitely } from "./close-politely.ts";
import type { Unanswered } from "./unanswered.ts";

/** How a queue is declared. */
export interface QueueOptions {
  /** Whether it outlives RabbitMQ. */
  readonly durable: boolean;
  /** Whether only this connection may use it, and it goes with the connection. @default false */
  readonly exclusive?: boolean | undefined;
  /** Whether it goes with its last consumer. @default false */
  readonly autoDelete?: boolean | undefined;
  readonly arguments?: Readonly<Record<string, unknown>> | undefined;
}

/** How an exchange is declared. */
export interface ExchangeOptions {
  readonly type: "direct" | "topic" | "fanout";
  readonly durable: boolean;
}

/** What is found where, by which key. */
export interface Binding {
  readonly exchange: string;
  readonly pattern: string;
}

/** How to consume. */
export interface ConsumeOptions {
  /** Whether deliveries are done when they are written. @default false */
  readonly noAck?: boolean | undefined;
  readonly arguments?: Readonly<Record<string, unknown>> | undefined;
  /** Called when RabbitMQ ends the consumer: its queue is gone. */
  readonly onCancel?: (() => void) | undefined;
}

/** The message that was the first of its queue. */
export interface FirstMessage {
  /** What it is acknowledged by. */
  readonly tag: number;
  /** How many messages wait behind it. */
  readonly behind: number;
}

/** What an {@link AmqpChannel} has from its session. */
export interface AmqpChannelOptions {
  readonly onClose: () => void;
  readonly unanswered: Unanswered;
}

/**
 * One channel: what is asked on it is answered in order, and an error ends it.
 *
 * Every promise rejects with an {@link AmqpRefusal} or an {@link AmqpUnavailable}.
 */
export class AmqpChannel implements AsyncDisposable {
  readonly #channel: Channel;
  readonly #unanswered: Unanswered;
  readonly #acknowledgements: Acknowledgements;
  #prefetch = 0;
  #isOpen = true;

  /** @internal Use `AmqpSession.openChannel`. */
  constructor(channel: Channel, { onClose, unanswered }: AmqpChannelOptions) {
    this.#channel = channel;
    this.#unanswered = unanswered;
    this.#acknowledgements = new Acknowledgements((tag, allUpTo) => {
      this.#say(() => channel.ack(toReference(tag), allUpTo));
    });
    // Whoever asked hears of it; nobody else needs to.
    channel.on("error", () => undefined);
    channel.once("close", () => {
      this.#isOpen = false;
      onClose();
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  async declareQueue(name: string, options: QueueOptions): Promise<void> {
    await this.#ask((channel) =>
      channel.assertQueue(name, {
        durable: options.durable,
        exclusive: options.exclusive ?? false,
        autoDelete: options.autoDelete ?? false,
        arguments: options.arguments,
      }),
    );
  }

  /** Returns how many messages wait in a queue; ends the channel with 404 when there is none of the name. */
  async countMessages(queue: string): Promise<number> {
    return (await this.#ask((channel) => channel.checkQueue(queue))).messageCount;
  }

  /** Removes what waits in a queue; returns how many messages that were. */
  async purgeQueue(queue: string): Promise<number> {
    return (await this.#ask((channel) => channel.purgeQueue(queue))).messageCount;
  }

  /** Removes a queue and what is in it. */
  async deleteQueue(queue: string): Promise<void> {
    await this.#ask((channel) => channel.deleteQueue(queue));
  }

  async declareExchange(name: string, { type, durable }: ExchangeOptions): Promise<void> {
    await this.#ask((channel) => channel.assertExchange(name, type, { durable }));
  }

  async bindQueue(queue: string, { exchange, pattern }: Binding): Promise<void> {
    await this.#ask((channel) => channel.bindQueue(queue, exchange, pattern));
  }

  async bindExchange(name: string, { exchange, pattern }: Binding): Promise<void> {
    await this.#ask((channel) => channel.bindExchange(name, exchange, pattern));
  }

  /** How many deliveries each consumer may have out that begins after this. */
  async prefetch(count: number): Promise<void> {
    this.#prefetch = count;
    await this.#ask((channel) => channel.prefetch(count));
  }

  /** Resolves when RabbitMQ has done what was said on this channel; rejects when that has ended before. */
  async settled(): Promise<void> {
    this.#acknowledgements.flush();
    // Any question would do, and this one changes nothing: a channel is served in order.
    await this.prefetch(this.#prefetch);
  }

  /** Calls the listener with what comes to a queue; returns the consumer's tag. */
  async consume(
    queue: string,
    listener: (delivery: AmqpDelivery) => void,
    { noAck = false, onCancel, arguments: more }: ConsumeOptions = {},
  ): Promise<string> {
    const hear = (message: ConsumeMessage | null): void => {
      if (!message) return onCancel?.();
      if (!noAck) this.#acknowledgements.add(message.fields.deliveryTag);
      listener(toDelivery(message));
    };
    return (await this.#ask((channel) => channel.consume(queue, hear, { noAck, arguments: more })))
      .consumerTag;
  }

  /** Takes the first message of a queue; `null` when nothing waits there. */
  async get(queue: string): Promise<FirstMessage | null> {
    const message = await this.#ask((channel) => channel.get(queue));
    if (!message) return null;
    const { deliveryTag: tag, messageCount: behind } = message.fields;
    this.#acknowledgements.add(tag);
    return { tag, behind };
  }

  async cancel(consumerTag: string): Promise<void> {
    await this.#ask((channel) => channel.cancel(consumerTag));
  }

  /** Says, at the end of this tick, that a delivery is done; `false` when the channel has ended, and with it the delivery. */
  acknowledge(tag: number): boolean {
    if (!this.#isOpen) return false;
    this.#acknowledgements.acknowledge(tag);
    return true;
  }

  /** Gives a delivery back to its queue; `false` when the channel has ended. */
  giveBack(tag: number): boolean {
    this.#acknowledgements.remove(tag);
    return this.#say(() => this.#channel.nack(toReference(tag), false, true));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOpen) return;
    this.#acknowledgements.flush();
    this.#isOpen = false;
    await closePolitely(() => this.#channel.close());
  }

  #say(say: () => void): boolean {
    if (!this.#isOpen) return false;
    try {
      say();
      return true;
    } catch {
      // It ends just now.
      return false;
    }
  }

  async #ask<T>(ask: (channel: Channel) => Promise<T>): Promise<T> {
    if (!this.#isOpen) throw new AmqpUnavailable("the channel to RabbitMQ has ended");
    try {
      return await this.#unanswered.wait(() => ask(this.#channel));
    } catch (error) {
      throw toAmqpError(error);
    }
  }
}

/** All that amqplib looks at to acknowledge. */
function toReference(tag: number): ConsumeMessage {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the rest of a message is not kept for this
  return { fields: { deliveryTag: tag } } as ConsumeMessage;
}

function toDelivery({ fields, properties, content }: ConsumeMessage): AmqpDelivery {
  const { contentType, contentEncoding, headers, deliveryMode } = properties;
  const { priority, correlationId, replyTo, expiration } = properties;
  return {
    tag: fields.deliveryTag,
    isRedelivered: fields.redelivered,
    exchange: fields.exchange,
    routingKey: fields.routingKey,
    body: content,
    properties: {
      contentType: toText(contentType),
      contentEncoding: toText(contentEncoding),
      headers,
      deliveryMode: toNumber(deliveryMode),
      priority: toNumber(priority),
      correlationId: toText(correlationId),
      replyTo: toText(replyTo),
      expiration: toText(expiration),
    },
  };
}

function toText(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function toNumber(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

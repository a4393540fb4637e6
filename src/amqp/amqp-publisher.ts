import type { ConfirmChannel, Message, Options } from "amqplib";

import {
  AmqpUnavailable,
  isAmqpRefusal,
  noRoute,
  toAmqpError,
  type AmqpRefusal,
} from "./amqp-errors.ts";
import type { AmqpPublication } from "./amqp-message.ts";
import type { Unanswered } from "./unanswered.ts";

/** So much may wait for RabbitMQ to confirm that it has it. */
const MAX_UNCONFIRMED = 10_000;
const MAX_UNCONFIRMED_BYTES = 67_108_864;

/** A channel on which RabbitMQ confirms what it has taken over. */
export class AmqpPublisher {
  readonly #channel: ConfirmChannel;
  readonly #unanswered: Unanswered;
  /** Mandatory messages that no queue got; RabbitMQ says so before it confirms them. */
  readonly #returned = new Set<string>();
  #unconfirmed = 0;
  #unconfirmedBytes = 0;
  #isOpen = true;
  /** Why RabbitMQ has ended the channel. */
  #failure: Error | undefined;

  /** @internal Use `AmqpSession.publisher`. */
  constructor(channel: ConfirmChannel, unanswered: Unanswered) {
    this.#channel = channel;
    this.#unanswered = unanswered;
    channel.on("error", (error) => {
      this.#failure = error;
    });
    channel.on("return", (message) => this.#returned.add(nameOf(message)));
    channel.once("close", () => {
      this.#isOpen = false;
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /**
   * Resolves when RabbitMQ has the message: on disk, if message and queue are to be kept there.
   *
   * Where the connection breaks before, nobody knows whether it has it.
   *
   * @throws {AmqpRefusal} NO_ROUTE when it is mandatory and no queue gets it, NOT_FOUND when the exchange is not there,
   *   CONTENT_TOO_LARGE when its headers are.
   * @throws {AmqpUnavailable} when it is not confirmed, or too many wait for that.
   */
  publish(publication: AmqpPublication): Promise<void> {
    const { exchange, routingKey, body, properties, mandatory = false } = publication;
    if (!this.#isOpen) return Promise.reject(new AmqpUnavailable("the channel has ended"));
    if (this.#unanswered.failure) return Promise.reject(this.#unanswered.failure);
    if (this.#unconfirmed >= MAX_UNCONFIRMED || this.#unconfirmedBytes >= MAX_UNCONFIRMED_BYTES) {
      const message = `${this.#unconfirmed} messages wait for RabbitMQ already`;
      return Promise.reject(new AmqpUnavailable(message));
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#unanswered.add(reject);
    this.#unconfirmed++;
    this.#unconfirmedBytes += body.byteLength;
    const name = toName(exchange, routingKey, properties.correlationId);
    const onConfirm = (error: unknown): void => {
      this.#unanswered.delete(reject);
      this.#unconfirmed--;
      this.#unconfirmedBytes -= body.byteLength;
      if (error) reject(this.#toError(error, exchange));
      else if (this.#returned.delete(name)) reject(toNoRoute(exchange, routingKey));
      else resolve();
    };
    try {
      const content = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- amqplib's types know no field that may be undefined
      const options = { ...properties, mandatory } as Options.Publish;
      this.#channel.publish(exchange, routingKey, content, options, onConfirm);
    } catch (error) {
      onConfirm(error);
    }
    return promise;
  }

  /** A message to an exchange that is not there ends the channel for all: the others may be sent again. */
  #toError(error: unknown, exchange: string): Error {
    const failure = toAmqpError(this.#failure ?? error);
    if (failure instanceof AmqpUnavailable) return failure;
    const isMissing = exchange !== "" && failure.message.includes(`'${exchange}'`);
    if (isMissing || isAmqpRefusal(failure, "CONTENT_TOO_LARGE")) return failure;
    return new AmqpUnavailable("the channel to RabbitMQ broke", failure);
  }
}

function toNoRoute(exchange: string, routingKey: string): AmqpRefusal {
  const where =
    exchange === ""
      ? `no queue is named ${routingKey}`
      : `exchange ${exchange} finds no queue for ${routingKey}`;
  return noRoute(where);
}

function nameOf({ fields, properties }: Message): string {
  const { correlationId } = properties;
  return toName(
    fields.exchange,
    fields.routingKey,
    typeof correlationId === "string" ? correlationId : undefined,
  );
}

function toName(exchange: string, routingKey: string, correlationId = ""): string {
  return JSON.stringify([exchange, routingKey, correlationId]);
}

import type { ChannelModel } from "amqplib";

import { AmqpChannel } from "./amqp-channel.ts";
import { AmqpUnavailable, toAmqpError } from "./amqp-errors.ts";
import { AmqpPublisher } from "./amqp-publisher.ts";

/** One connection to one RabbitMQ, that never connects again. */
export class AmqpSession {
  readonly #model: ChannelModel;
  #publisher: Promise<AmqpPublisher> | undefined;
  #isOpen = true;

  /** @internal Use `Amqp.session`. `onClose` is called once, unless it was closed from here. */
  constructor(model: ChannelModel, onClose: () => void) {
    this.#model = model;
    model.on("error", () => undefined);
    model.once("close", () => {
      if (!this.#isOpen) return;
      this.#isOpen = false;
      onClose();
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  async openChannel(onClose: () => void = () => undefined): Promise<AmqpChannel> {
    return new AmqpChannel(await this.#ask(() => this.#model.createChannel()), onClose);
  }

  /** The channel for what is published; a new one when RabbitMQ has ended it for a message that it refused. */
  async publisher(): Promise<AmqpPublisher> {
    const opening = (this.#publisher ??= this.#openPublisher());
    try {
      const publisher = await opening;
      if (publisher.isOpen) return publisher;
    } catch (error) {
      this.#forget(opening);
      throw error;
    }
    this.#forget(opening);
    return await this.publisher();
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    try {
      await this.#model.close();
    } catch {
      // It had ended by itself.
    }
  }

  /** Unless somebody has begun anew already. */
  #forget(publisher: Promise<AmqpPublisher>): void {
    if (this.#publisher === publisher) this.#publisher = undefined;
  }

  async #openPublisher(): Promise<AmqpPublisher> {
    return new AmqpPublisher(await this.#ask(() => this.#model.createConfirmChannel()));
  }

  async #ask<T>(ask: () => Promise<T>): Promise<T> {
    if (!this.#isOpen) throw new AmqpUnavailable("the connection to RabbitMQ has ended");
    try {
      return await ask();
    } catch (error) {
      throw toAmqpError(error);
    }
  }
}

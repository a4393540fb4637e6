import type { ChannelModel } from "amqplib";

import { AmqpChannel } from "./amqp-channel.ts";
import { AmqpUnavailable, toAmqpError } from "./amqp-errors.ts";
import { AmqpPublisher } from "./amqp-publisher.ts";
import { closePolitely } from "./close-politely.ts";
import { Unanswered } from "./unanswered.ts";

/** What an {@link AmqpSession} tells, and asks, who has made its connection. */
export interface AmqpSessionOptions {
  /** Called once, unless it was closed from here. */
  readonly onClose: () => void;
  /** Destroys the socket. */
  readonly drop: () => void;
  /** How long whoever waits bears a RabbitMQ that is short of memory or disk. */
  readonly patienceMs: number;
}

/** What was written last is read by then; of one that hangs nothing would ever close the socket. */
const DROP_MS = 1_000;

/** One connection to one RabbitMQ, that never connects again. */
export class AmqpSession {
  readonly #model: ChannelModel;
  readonly #drop: () => void;
  readonly #unanswered: Unanswered;
  #publisher: Promise<AmqpPublisher> | undefined;
  #isOpen = true;

  /** @internal Use `Amqp.session`. */
  constructor(model: ChannelModel, { onClose, drop, patienceMs }: AmqpSessionOptions) {
    this.#model = model;
    this.#drop = drop;
    this.#unanswered = new Unanswered(patienceMs);
    model.on("blocked", (reason) => this.#unanswered.block(reason));
    model.on("unblocked", () => this.#unanswered.unblock());
    model.on("error", () => undefined);
    model.once("close", () => {
      setTimeout(drop, DROP_MS).unref();
      this.#unanswered.unblock();
      if (!this.#isOpen) return;
      this.#isOpen = false;
      onClose();
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  async openChannel(onClose: () => void = () => undefined): Promise<AmqpChannel> {
    const channel = await this.#ask(() => this.#model.createChannel());
    return new AmqpChannel(channel, { onClose, unanswered: this.#unanswered });
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
    await closePolitely(() => this.#model.close());
    this.#drop();
  }

  /** Unless somebody has begun anew already. */
  #forget(publisher: Promise<AmqpPublisher>): void {
    if (this.#publisher === publisher) this.#publisher = undefined;
  }

  async #openPublisher(): Promise<AmqpPublisher> {
    const channel = await this.#ask(() => this.#model.createConfirmChannel());
    return new AmqpPublisher(channel, this.#unanswered);
  }

  async #ask<T>(ask: () => Promise<T>): Promise<T> {
    if (!this.#isOpen) throw new AmqpUnavailable("the connection to RabbitMQ has ended");
    try {
      return await this.#unanswered.wait(ask);
    } catch (error) {
      throw toAmqpError(error);
    }
  }
}

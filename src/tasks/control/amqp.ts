import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";

import { isAmqpRefusal, type Amqp, type AmqpChannel, type AmqpDelivery } from "../../amqp/index.ts";
import { backoffMs } from "../../core/backoff.ts";
import { Notifier } from "../../core/notifier.ts";
import { toStorageError } from "../celery-amqp/amqp-errors.ts";
import type {
  ControlChannel,
  ControlInbox,
  ControlReply,
  ControlRequest,
  ReplyAddress,
} from "./control-channel.ts";
import {
  PIDBOX,
  readReply,
  readRequest,
  REPLY_PIDBOX,
  writeReply,
  writeRequest,
  type SentPidboxMessage,
} from "./pidbox.ts";

/** What is longer is not read. */
const MAX_REQUEST_BYTES = 4_194_304;
/** As Celery declares its queues: gone soon after who listened, and nothing in them grows old. */
const QUEUE_ARGUMENTS = { "x-expires": 10_000, "x-message-ttl": 300_000 };
const BACKOFF = { baseMs: 200, maxMs: 5_000 };

/**
 * Celery's control channel in RabbitMQ: an exchange tells all who listen, another one carries answers.
 *
 * One queue serves all listeners of this process. After a break it is made anew; meanwhile nothing is
 * heard, as in Celery.
 */
export class AmqpControl implements ControlChannel {
  readonly #amqp: Amqp;
  readonly #requests = new Notifier<ControlRequest>();
  readonly #gaps = new Notifier<void>();
  #hearing: Promise<AmqpChannel> | undefined;

  constructor(amqp: Amqp) {
    this.#amqp = amqp;
    amqp.onBreak(() => {
      this.#hearing = undefined;
      void this.#hearAgain();
    });
  }

  async listen(listener: (request: ControlRequest) => void): Promise<() => void> {
    const leave = this.#requests.subscribe(listener);
    try {
      await this.#hear();
    } catch (error) {
      leave();
      throw toStorageError(error);
    }
    return () => {
      leave();
      if (this.#requests.size === 0) void this.#leave();
    };
  }

  /** Calls the listener when it is heard again, and something may have been missed meanwhile. */
  onGap(listener: () => void): () => void {
    return this.#gaps.subscribe(listener);
  }

  async send(request: ControlRequest): Promise<void> {
    await this.#publish({ exchange: PIDBOX, routingKey: "", message: writeRequest(request) });
  }

  async openInbox(listener: (reply: ControlReply) => void): Promise<ControlInbox> {
    const address = { ticket: randomUUID(), exchange: REPLY_PIDBOX, routingKey: randomUUID() };
    try {
      await this.#declareExchanges();
      const channel = await this.#consume(
        { exchange: REPLY_PIDBOX, key: address.routingKey },
        ({ body, properties: { headers } }) => {
          const reply = readReply(body.toString(), headers, address.ticket);
          if (reply) listener(reply);
        },
      );
      return { address, [Symbol.asyncDispose]: () => channel[Symbol.asyncDispose]() };
    } catch (error) {
      throw toStorageError(error);
    }
  }

  async reply(address: ReplyAddress, reply: ControlReply): Promise<void> {
    const { exchange, routingKey } = address;
    await this.#publish({ exchange, routingKey, message: writeReply(address, reply) });
  }

  async #hear(): Promise<void> {
    const hearing = (this.#hearing ??= this.#startHearing());
    try {
      await hearing;
    } catch (error) {
      if (this.#hearing === hearing) this.#hearing = undefined;
      throw error;
    }
  }

  async #startHearing(): Promise<AmqpChannel> {
    await this.#declareExchanges();
    return await this.#consume({ exchange: PIDBOX, key: "" }, ({ body, properties }) => {
      if (body.byteLength > MAX_REQUEST_BYTES) return;
      const request = readRequest(body.toString(), properties.headers);
      if (request) this.#requests.announce(request);
    });
  }

  /** Listens on, as long as somebody wants to hear and the connection is not closed for good. */
  async #hearAgain(): Promise<void> {
    for (let failures = 0; this.#requests.size > 0 && !this.#amqp.isClosed; failures++) {
      try {
        await this.#hear();
        this.#gaps.announce();
        return;
      } catch {
        await delay(backoffMs(failures, BACKOFF), undefined, { ref: false });
      }
    }
  }

  async #leave(): Promise<void> {
    const hearing = this.#hearing;
    this.#hearing = undefined;
    try {
      const channel = await hearing;
      await channel?.[Symbol.asyncDispose]();
    } catch {
      // What could not be opened needs no closing.
    }
  }

  /** Reads what an exchange sends to a queue of our own. */
  async #consume(
    { exchange, key }: { readonly exchange: string; readonly key: string },
    listener: (delivery: AmqpDelivery) => void,
  ): Promise<AmqpChannel> {
    const session = await this.#amqp.session();
    const channel = await session.openChannel();
    const queue = `${key || `tidings.${randomUUID()}`}.${exchange}`;
    await channel.declareQueue(queue, {
      durable: false,
      exclusive: true,
      autoDelete: true,
      arguments: QUEUE_ARGUMENTS,
    });
    await channel.bindQueue(queue, { exchange, pattern: key });
    await channel.consume(queue, listener, { noAck: true });
    return channel;
  }

  async #publish({
    exchange,
    routingKey,
    message: { body, headers, deliveryMode },
  }: {
    readonly exchange: string;
    readonly routingKey: string;
    readonly message: SentPidboxMessage;
  }): Promise<void> {
    try {
      await this.#declareExchanges();
      const session = await this.#amqp.session();
      const publisher = await session.publisher();
      const contentType = "application/json";
      await publisher.publish({
        exchange,
        routingKey,
        body: Buffer.from(body),
        properties: {
          contentType,
          contentEncoding: "utf-8",
          headers,
          deliveryMode,
          priority: 0,
        },
      });
    } catch (error) {
      throw toStorageError(error);
    }
  }

  /** As Celery declares them; who has declared them otherwise is right too. */
  async #declareExchanges(): Promise<void> {
    const session = await this.#amqp.session();
    for (const [name, type] of [
      [PIDBOX, "fanout"],
      [REPLY_PIDBOX, "direct"],
    ] as const) {
      try {
        await using channel = await session.openChannel();
        await channel.declareExchange(name, { type, durable: false });
      } catch (error) {
        if (!isAmqpRefusal(error, "PRECONDITION_FAILED")) throw error;
      }
    }
  }
}

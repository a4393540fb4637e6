import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";

import type { AmqpChannel, AmqpDelivery, AmqpPublication } from "../../amqp/index.ts";
import { readAmqpMessage, toAmqpProperties } from "./amqp-message.ts";
import type { AmqpTaken } from "./amqp-taken.ts";
import type { Topology } from "./topology.ts";

/** What {@link LongRuns} need. */
export interface LongRunsOptions {
  readonly topology: Topology;
  readonly openChannel: (onClose: () => void) => Promise<AmqpChannel>;
  readonly send: (publication: AmqpPublication) => Promise<void>;
  /** After so long a message is taken anew. */
  readonly holdMs: number;
}

/** A queue for the copies of messages from one queue. */
interface OwnQueue {
  readonly name: string;
  readonly channel: AmqpChannel;
  /** Whoever waits for the copy of a message, by its id. */
  readonly waiting: Map<string, (tag: number) => void>;
}

/** A copy that nobody takes in time goes where it came from. */
const TAKE_MS = 5_000;
/** RabbitMQ removes a queue that nobody has used for so long. */
const UNUSED_MS = 600_000;
/** A copy of what is replicated is so too, and leaves the queue once the other one has it. */
const REPLICATED = {
  "x-queue-type": "quorum",
  "x-dead-letter-strategy": "at-least-once",
  "x-overflow": "reject-publish",
};

/**
 * The messages of tasks that run for long: RabbitMQ takes back what is not done after its `consumer_timeout`.
 *
 * So each is taken anew in time. A copy goes to a queue that only this connection consumes, one for each
 * queue that messages come from; once it is here, the old delivery is done. When the worker dies, the copy
 * expires at once, and RabbitMQ sends it to the queue that it came from, as one whose worker has died. Who
 * dies between the two leaves both.
 */
export class LongRuns {
  readonly #options: LongRunsOptions;
  readonly #own = new Map<string, Promise<OwnQueue>>();
  readonly #moving = new Set<AmqpTaken>();

  constructor(options: LongRunsOptions) {
    this.#options = options;
  }

  /** Takes a message anew if it is time; never rejects: it is tried again when it is asked again. */
  async renew(taken: AmqpTaken): Promise<void> {
    if (performance.now() - taken.takenAt < this.#options.holdMs || this.#moving.has(taken)) return;
    this.#moving.add(taken);
    try {
      await this.#takeAnew(taken);
    } catch {
      // Whatever is wrong with RabbitMQ, others tell.
    } finally {
      this.#moving.delete(taken);
    }
  }

  async #takeAnew(taken: AmqpTaken): Promise<void> {
    const { id, queue, message, runs, lostLeases, arrival: old } = taken;
    const { name, channel, waiting } = await this.#open(queue);
    // Two messages may be of one task: the second one's turn comes with the next renewal.
    if (waiting.has(id)) return;
    const { promise, resolve } = Promise.withResolvers<number>();
    waiting.set(id, resolve);
    const marks = { runs, lostLeases: lostLeases + 1, dueAt: null };
    const properties = toAmqpProperties(message, marks);
    const copy = { exchange: "", routingKey: name, body: message.body, properties };
    let tag: number | null;
    try {
      await this.#options.send({ ...copy, mandatory: true });
      tag = await Promise.race([promise, delay(TAKE_MS, null, { ref: false })]);
    } finally {
      waiting.delete(id);
    }
    if (tag === null) return;
    // What has ended meanwhile needs no copy, nor does what RabbitMQ has taken back with its channel.
    if (taken.place === -1 || !old.channel.isOpen) {
      channel.acknowledge(tag);
      return;
    }
    taken.move({ ...old, channel, tag });
    old.channel.acknowledge(old.tag);
  }

  /** Opens it once, whoever asks at the same time. */
  async #open(queue: string): Promise<OwnQueue> {
    const opening = this.#own.get(queue) ?? this.#declare(queue);
    this.#own.set(queue, opening);
    try {
      return await opening;
    } catch (error) {
      this.#own.delete(queue);
      throw error;
    }
  }

  async #declare(queue: string): Promise<OwnQueue> {
    const { topology, openChannel } = this.#options;
    const name = `tidings.running.${randomUUID()}`;
    const isReplicated = topology.queueType === "quorum";
    await topology.withChannel((channel) =>
      channel.declareQueue(name, {
        durable: true,
        arguments: {
          "x-message-ttl": TAKE_MS,
          "x-dead-letter-exchange": "",
          "x-dead-letter-routing-key": queue,
          "x-expires": UNUSED_MS,
          ...(isReplicated && REPLICATED),
        },
      }),
    );
    if (isReplicated) await topology.untilRecorded();
    // Somebody has removed it, or its channel has ended: the next one is another.
    const onEnd = (): void => void this.#own.delete(queue);
    const channel = await openChannel(onEnd);
    const waiting: OwnQueue["waiting"] = new Map();
    const hear = (delivery: AmqpDelivery): void => {
      const { id } = readAmqpMessage(delivery).message;
      const take = waiting.get(id);
      waiting.delete(id);
      // One that comes too late is one too many: the old delivery still holds.
      if (take) take(delivery.tag);
      else channel.acknowledge(delivery.tag);
    };
    await channel.consume(name, hear, { onCancel: onEnd });
    return { name, channel, waiting };
  }
}

import { isAmqpRefusal } from "../../amqp/index.ts";
import type { ExchangeAddress } from "../brokers/broker.ts";
import type { Topology } from "./topology.ts";

/** Two to the power of this many seconds, less one, is the longest wait: eight years. */
const LEVELS = 28;
const MAX_SECONDS = 2 ** LEVELS - 1;
/** Where messages arrive when they have waited. */
const DELIVERY_EXCHANGE = "celery_delayed_delivery";

/**
 * Celery's native delayed delivery: messages wait in RabbitMQ, not in a worker.
 *
 * The wait in whole seconds is written in binary digits, the routing key's first words. For each digit
 * there is an exchange and a queue: who has a 1 waits in that queue for its power of two, then goes on to
 * the next digit. After the last one the message goes to the queue that the rest of the key names.
 *
 * @see https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/rabbitmq.html#native-delayed-delivery
 */
export class DelayedDelivery {
  readonly #topology: Topology;
  #levels: Promise<void> | undefined;
  readonly #bound = new Map<string, Promise<void>>();

  constructor(topology: Topology) {
    this.#topology = topology;
  }

  /** The exchange that a message with this wait is published to, and the key. */
  static addressOf(queue: string, seconds: number): ExchangeAddress {
    const digits = Math.min(Math.max(Math.floor(seconds), 0), MAX_SECONDS).toString(2);
    const words = digits.padStart(LEVELS, "0").split("").join(".");
    return { exchange: nameOf(LEVELS - 1), routingKey: `${words}.${queue}` };
  }

  /** Makes sure that what is delayed for a queue will come to it. */
  async ensureQueue(queue: string): Promise<void> {
    await this.#once(queue, async () => {
      await (this.#levels ??= this.#declareLevels());
      // Celery binds `#.queue`, which also finds what is for another queue whose name ends like this one's.
      const pattern = `${"*.".repeat(LEVELS)}${queue}`;
      await this.#topology.withChannel((channel) =>
        channel.bindQueue(queue, { exchange: DELIVERY_EXCHANGE, pattern }),
      );
    });
  }

  /** Somebody has removed it, and how it was found with it. */
  forgetQueue(queue: string): void {
    this.#bound.delete(queue);
  }

  async #once(queue: string, bind: () => Promise<void>): Promise<void> {
    const binding = this.#bound.get(queue) ?? bind();
    this.#bound.set(queue, binding);
    try {
      await binding;
    } catch (error) {
      this.#bound.delete(queue);
      this.#levels = undefined;
      throw error;
    }
  }

  async #declareLevels(): Promise<void> {
    // It is declared last.
    const isThere = (await this.#topology.countMessages(nameOf(0))) !== null;
    await this.#topology.withChannel(async (channel) => {
      for (let level = LEVELS - 1; level >= 0; level--) {
        await channel.declareExchange(nameOf(level), { type: "topic", durable: true });
      }
      await channel.declareExchange(DELIVERY_EXCHANGE, { type: "topic", durable: true });
    });
    for (let level = LEVELS - 1; level >= 0; level--) {
      await this.#declareQueue(level);
      const skipped = "*.".repeat(LEVELS - 1 - level);
      const next = level === 0 ? DELIVERY_EXCHANGE : nameOf(level - 1);
      await this.#topology.withChannel(async (channel) => {
        await channel.bindQueue(nameOf(level), {
          exchange: nameOf(level),
          pattern: `${skipped}1.#`,
        });
        await channel.bindExchange(next, { exchange: nameOf(level), pattern: `${skipped}0.#` });
      });
    }
    if (!isThere) await this.#topology.untilRecorded();
  }

  /** A quorum queue, as Celery's default; where Celery was told to use classic ones, those are kept. */
  async #declareQueue(level: number): Promise<void> {
    const next = level === 0 ? DELIVERY_EXCHANGE : nameOf(level - 1);
    try {
      await this.#topology.withChannel((channel) =>
        channel.declareQueue(nameOf(level), {
          durable: true,
          arguments: {
            "x-queue-type": "quorum",
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
            "x-message-ttl": 2 ** level * 1_000,
            "x-dead-letter-exchange": next,
          },
        }),
      );
    } catch (error) {
      if (!isAmqpRefusal(error, "PRECONDITION_FAILED")) throw error;
    }
  }
}

function nameOf(level: number): string {
  return `celery_delayed_${level}`;
}

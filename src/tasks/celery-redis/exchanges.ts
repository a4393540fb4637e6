import { TidingsError } from "../../core/errors.ts";
import type { ExchangeAddress, Exchanges } from "../brokers/broker.ts";
import type { EncodedMessage } from "../message/message.ts";
import { toList, type TaskRedis } from "./task-redis.ts";

/** What stands between the parts of a binding: routing key, pattern, queue. */
const SEPARATOR = "\u0006\u0016";

/** "words split on `.`": what kombu makes of a topic's `*` and `#`. */
const WILDCARDS: Readonly<Record<string, string>> = { "*": ".*?[^.]", "#": ".*?" };

/** Publishes to a queue. */
type Publish = (queue: string, message: EncodedMessage, dueAt?: number) => Promise<unknown>;

/**
 * The exchanges of kombu: sets of bindings that whoever publishes looks into.
 *
 * Direct and topic exchanges are known by their bindings. Those of a fanout exchange have no routing key,
 * and it keeps nothing for anybody: they are not for tasks.
 */
export class RedisExchanges implements Exchanges {
  readonly #redis: TaskRedis;
  readonly #publish: Publish;

  constructor(redis: TaskRedis, publish: Publish) {
    this.#redis = redis;
    this.#publish = publish;
  }

  /** Where kombu would drop the message, this throws TASK_UNROUTABLE. */
  async publish(address: ExchangeAddress, message: EncodedMessage, dueAt?: number): Promise<void> {
    const queues = await this.#find(address);
    await Promise.all(queues.map((queue) => this.#publish(queue, message, dueAt)));
  }

  async #find({ exchange, routingKey }: ExchangeAddress): Promise<readonly string[]> {
    const words = ["SMEMBERS", `_kombu.binding.${exchange}`];
    const members = toList(await this.#redis.run((redis) => redis.command(words)));
    const queues = members
      .map((member) => String(member).split(SEPARATOR))
      .filter(([key = "", pattern = ""]) => matches(key, pattern, routingKey))
      .map(([, , queue = ""]) => queue)
      .filter((queue) => queue !== "");
    if (queues.length > 0) return [...new Set(queues)];
    throw new TidingsError(
      "TASK_UNROUTABLE",
      `expected the exchange ${JSON.stringify(exchange)} to find a queue by ${JSON.stringify(routingKey)}, but none is bound so; nothing was sent`,
    );
  }
}

/** Only a topic's bindings have a pattern: made of their key, so that no pattern of others is run. */
function matches(key: string, pattern: string, routingKey: string): boolean {
  if (pattern === "") return key !== "" && key === routingKey;
  const words = key.split(".").map((word) => WILDCARDS[word] ?? RegExp.escape(word));
  return new RegExp(`^${words.join(String.raw`\.`)}$`, "s").test(routingKey);
}

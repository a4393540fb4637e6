import { TidingsError } from "../../core/errors.ts";
import type { ExchangeAddress, Exchanges } from "../brokers/broker.ts";
import type { EncodedMessage } from "../message/message.ts";
import { writeBroadcast } from "./envelope.ts";
import { toList, type TaskRedis } from "./task-redis.ts";

/** "bcast.<uuid>": how kombu names the queue of each who listens to a `Broadcast`. */
const BROADCAST = "bcast.";

/** What stands between the parts of a binding: routing key, pattern, queue. */
const SEPARATOR = "\u0006\u0016";

/** "words split on `.`": what kombu makes of a topic's `*` and `#`. */
const WILDCARDS: Readonly<Record<string, string>> = { "*": ".*?[^.]", "#": ".*?" };

/** Publishes to a queue. */
type Publish = (queue: string, message: EncodedMessage, dueAt?: number) => Promise<unknown>;

/**
 * The exchanges of kombu: sets of bindings that whoever publishes looks into.
 *
 * Direct and topic exchanges are known by their bindings, and the fanout exchange of a `Broadcast` by the
 * name of what is bound: a queue that nobody reads, since who listens hears a channel. It keeps nothing
 * for anybody.
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
    const found = await this.#find(address);
    const queues = found.filter((queue) => !queue.startsWith(BROADCAST));
    await Promise.all(queues.map((queue) => this.#publish(queue, message, dueAt)));
    if (queues.length > 0) return;
    if (found.length === 0 || !(await this.#broadcast(address, message))) throw unroutable(address);
  }

  /** Tells all who listen now; returns whether somebody does. */
  async #broadcast(address: ExchangeAddress, message: EncodedMessage): Promise<boolean> {
    const { exchange, routingKey } = address;
    const channel = `/${this.#redis.database}.${exchange}/${routingKey}`;
    const words = ["PUBLISH", channel, writeBroadcast(address, message)];
    return Number(await this.#redis.run((redis) => redis.command(words))) > 0;
  }

  /** The queues that are bound so. */
  async #find({ exchange, routingKey }: ExchangeAddress): Promise<readonly string[]> {
    const words = ["SMEMBERS", `_kombu.binding.${exchange}`];
    const members = toList(await this.#redis.run((redis) => redis.command(words)));
    const queues = members
      .map((member) => String(member).split(SEPARATOR))
      .filter(([key = "", pattern = ""]) => matches(key, pattern, routingKey))
      .map(([, , queue = ""]) => queue)
      .filter((queue) => queue !== "");
    return [...new Set(queues)];
  }
}

function unroutable({ exchange, routingKey }: ExchangeAddress): TidingsError {
  return new TidingsError(
    "TASK_UNROUTABLE",
    `expected the exchange ${JSON.stringify(exchange)} to find a queue by ${JSON.stringify(routingKey)}, but none is bound so; nothing was sent`,
  );
}

/** Only a topic's bindings have a pattern: made of their key, so that no pattern of others is run. */
function matches(key: string, pattern: string, routingKey: string): boolean {
  if (pattern === "") return key !== "" && key === routingKey;
  const words = key.split(".").map((word) => WILDCARDS[word] ?? RegExp.escape(word));
  return new RegExp(`^${words.join(String.raw`\.`)}$`, "s").test(routingKey);
}

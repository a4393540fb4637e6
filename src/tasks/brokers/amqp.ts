import { Amqp, type AmqpOptions } from "../../amqp/index.ts";
import { TidingsError } from "../../core/errors.ts";
import { Notifier } from "../../core/notifier.ts";
import { assertPositiveInteger, invalidOption } from "../../core/options.ts";
import { Roster } from "../../core/roster.ts";
import { isUnroutable, toStorageError } from "../celery-amqp/amqp-errors.ts";
import { toAmqpProperties } from "../celery-amqp/amqp-message.ts";
import { AmqpRevokedStore } from "../celery-amqp/amqp-revoked-store.ts";
import { AmqpTaken } from "../celery-amqp/amqp-taken.ts";
import { Link } from "../celery-amqp/link.ts";
import type { QueueSettings } from "../celery-amqp/topology.ts";
import type { ConnectionSettings } from "../connection-settings.ts";
import { AmqpControl } from "../control/amqp.ts";
import type { ControlChannel } from "../control/control-channel.ts";
import { RevokedTasks } from "../control/revoked-tasks.ts";
import { AmqpDeadLetters } from "../dead-letters/amqp.ts";
import type { DeadLetterBounds } from "../dead-letters/dead-letter-store.ts";
import { UNTAKEN } from "../message/message-marks.ts";
import type { EncodedMessage } from "../message/message.ts";
import type {
  Broker,
  CancelledMessage,
  Delivery,
  ExchangeAddress,
  Exchanges,
  PutBackOptions,
  TakeRequest,
} from "./broker.ts";
import type { QueueContents } from "./queue-contents.ts";

/** How to make an {@link AmqpBroker}. */
export type AmqpBrokerOptions = AmqpOptions &
  Pick<ConnectionSettings, "queueType" | "maxPriority"> & {
    /** How many dead letters it keeps, and how long. */
    readonly deadLetters?: DeadLetterBounds | undefined;
    /** After so long a message is taken anew, before RabbitMQ takes it back (`consumer_timeout`). @default 600_000 */
    readonly holdMs?: number | undefined;
  };

/**
 * A broker in RabbitMQ, in the layout of Celery's: Python workers and callers share its queues.
 *
 * Delivery: at least once. Survives: what RabbitMQ survives. Bound: the disk of RabbitMQ.
 *
 * A lease is a delivery that is not acknowledged: it holds as long as the connection, and RabbitMQ itself
 * ends it with that, at once when the process dies, after two heartbeats when the machine does. What is
 * not due waits in RabbitMQ too. A message is put back as a new one, confirmed before the old one is
 * acknowledged; who dies in between leaves two of them, of which the records let one end.
 */
export class AmqpBroker implements Broker {
  readonly firstPriority = 9;
  readonly forgetsCancelled = true;
  readonly contents: QueueContents;
  readonly deadLetters: AmqpDeadLetters;
  readonly control: ControlChannel;
  readonly exchanges: Exchanges;
  readonly revoked: RevokedTasks;
  readonly #amqp: Amqp;
  readonly #queues: QueueSettings;
  readonly #holdMs: number;
  readonly #changes = new Notifier<void>();
  readonly #held = new Roster<AmqpTaken>();
  #link: Link | undefined;
  /** How many messages are being asked for. */
  #asked = 0;
  #turn = 0;

  constructor(
    url: string,
    {
      queueType = "classic",
      maxPriority,
      deadLetters: bounds,
      holdMs = 600_000,
      ...options
    }: AmqpBrokerOptions = {},
  ) {
    this.#holdMs = assertPositiveInteger("holdMs", holdMs);
    this.#queues = { type: queueType, maxPriority: toMaxPriority(maxPriority) };
    this.#amqp = new Amqp(url, options);
    this.#amqp.onBreak(() => this.#onBreak());
    const control = new AmqpControl(this.#amqp);
    this.control = control;
    const store = new AmqpRevokedStore({
      amqp: this.#amqp,
      control,
      openOther: () => new Amqp(url, options),
    });
    this.revoked = new RevokedTasks(control, { now: Date.now, store });
    this.revoked.onChange(() => this.#changes.announce());
    this.deadLetters = new AmqpDeadLetters({
      bounds,
      queueType,
      run: (ask) => this.#run(ask),
      isHeld: (delivery) => this.#isHeld(delivery),
      acknowledge: (delivery) => this.acknowledge(delivery),
    });
    this.contents = {
      list: async () => null,
      count: async (queue) => await this.#count(queue),
      purge: async (queue) => await this.#purge(queue),
    };
    this.exchanges = {
      publish: async (address, message, dueAt) => {
        await this.#publishTo(address, message, dueAt);
      },
    };
  }

  get trouble(): TidingsError | undefined {
    const { trouble } = this.#amqp;
    return trouble && toStorageError(trouble);
  }

  async publish(queue: string, message: EncodedMessage, dueAt?: number): Promise<boolean> {
    const marks = dueAt === undefined ? UNTAKEN : { ...UNTAKEN, dueAt };
    await this.#run((link) => link.publish(queue, message, marks));
    this.#changes.announce();
    return true;
  }

  async take({ queues, limit }: TakeRequest): Promise<readonly Delivery[]> {
    this.#asked += limit;
    try {
      return await this.#run((link) => this.#take(link, queues, limit));
    } finally {
      this.#asked -= limit;
    }
  }

  /** What is not due waits in RabbitMQ, which tells when it is. */
  async nextDueAt(): Promise<number | null> {
    return null;
  }

  async renew(deliveries: readonly Delivery[]): Promise<readonly Delivery[]> {
    const lost = deliveries.filter((delivery) => !this.#isHeld(delivery));
    for (const delivery of deliveries) {
      if (delivery instanceof AmqpTaken && this.#isHeld(delivery)) {
        void this.#link?.longRuns.renew(delivery);
      }
    }
    return lost;
  }

  /** RabbitMQ itself ends the leases of dead workers. */
  async reclaim(): Promise<number> {
    for (const delivery of this.#held) {
      if (!this.#isHeld(delivery)) this.#release(delivery);
    }
    return 0;
  }

  async acknowledge(delivery: Delivery): Promise<boolean> {
    const { channel, tag } = this.#release(delivery)?.arrival ?? {};
    return tag !== undefined && (channel?.acknowledge(tag) ?? false);
  }

  async putBack(
    delivery: Delivery,
    { message, queue = delivery.queue, dueAt }: PutBackOptions = {},
  ): Promise<boolean> {
    if (!this.#isHeld(delivery)) return false;
    const { id, runs, lostLeases } = delivery;
    const isEarly = dueAt !== undefined && dueAt > Date.now() && !this.revoked.has(id);
    const marks = {
      // Whoever only finds that it is too early has not run it.
      runs: isEarly && !message ? runs - 1 : runs,
      lostLeases,
      dueAt: isEarly ? dueAt : Date.now(),
    };
    await this.#run((link) => link.resend(queue, message ?? delivery.message, marks));
    const ended = await this.acknowledge(delivery);
    this.#changes.announce();
    return ended;
  }

  /** What a dead worker leaves, RabbitMQ gives to the next one: here its worker lives. */
  async loseLease(delivery: Delivery, waitMs: number): Promise<void> {
    if (!this.#isHeld(delivery)) return;
    const { queue, runs, lostLeases, message } = delivery;
    const marks = { runs, lostLeases: lostLeases + 1, dueAt: Date.now() + waitMs };
    await this.#run((link) => link.resend(queue, message, marks));
    await this.acknowledge(delivery);
    this.#changes.announce();
  }

  /**
   * Revokes a task, in Python too.
   *
   * RabbitMQ cannot be asked for a message by its id: those who listen now will not run it, and for those
   * who come later its record says so.
   */
  async cancel(id: string): Promise<CancelledMessage | null> {
    await this.#run(async () => await this.revoked.revoke(id));
    for (const { id: heldId, queue, message } of this.#held) {
      if (heldId === id) return { queue, message, running: true };
    }
    return { queue: null, message: null, running: false };
  }

  /** A cancelled message is removed by who takes it. */
  async discard(): Promise<void> {}

  async listCancelled(): Promise<readonly string[]> {
    return [...this.#held].map(({ id }) => id).filter((id) => this.revoked.terminates(id));
  }

  onChange(listener: () => void): () => void {
    return this.#changes.subscribe(listener);
  }

  async close(): Promise<void> {
    this.revoked.close();
    for (const delivery of this.#held) this.#release(delivery);
    await this.deadLetters.close();
    await this.#link?.close();
    await this.#amqp.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #take(
    { inbox, topology }: Link,
    queues: readonly string[],
    limit: number,
  ): Promise<readonly Delivery[]> {
    await this.revoked.start();
    for (const queue of queues) await topology.ensureQueue(queue);
    await inbox.open(queues, this.#held.size + this.#asked);
    const start = this.#turn++ % Math.max(queues.length, 1);
    const turn = [...queues.slice(start), ...queues.slice(0, start)];
    let arrivals = inbox.take(turn, limit);
    if (arrivals.length === 0) {
      await inbox.settle(turn);
      arrivals = inbox.take(turn, limit);
    }
    return arrivals.map((arrival) => {
      const delivery = new AmqpTaken(arrival, this.revoked.has(arrival.message.id));
      delivery.place = this.#held.add(delivery);
      return delivery;
    });
  }

  #isHeld(delivery: Delivery): boolean {
    return (
      delivery instanceof AmqpTaken && delivery.place !== -1 && delivery.arrival.channel.isOpen
    );
  }

  /** Forgets a delivery; `undefined` when that has been done before. */
  #release(delivery: Delivery): AmqpTaken | undefined {
    if (!(delivery instanceof AmqpTaken) || delivery.place === -1) return undefined;
    this.#held.remove(delivery.place);
    delivery.place = -1;
    return delivery;
  }

  async #publishTo(
    { exchange, routingKey }: ExchangeAddress,
    message: EncodedMessage,
    dueAt: number | undefined,
  ): Promise<void> {
    if (dueAt !== undefined && dueAt - Date.now() >= 1_000) {
      throw invalidOption("exchange", "absent with a countdown or eta on RabbitMQ", exchange);
    }
    const properties = toAmqpProperties(message, UNTAKEN);
    const publication = { exchange, routingKey, body: message.body, properties, mandatory: true };
    try {
      await (await this.#open()).send(publication);
    } catch (error) {
      if (!isUnroutable(error)) throw toStorageError(error);
      throw new TidingsError("TASK_UNROUTABLE", error.message, { cause: error });
    }
  }

  async #count(queue: string) {
    return await this.#run(async ({ topology, inbox }) => {
      const waiting = (await topology.countMessages(queue)) ?? 0;
      return { waiting: waiting + inbox.count(queue), delayed: null, taken: null };
    });
  }

  async #purge(queue: string): Promise<number> {
    return await this.#run(async ({ topology }) => {
      if ((await topology.countMessages(queue)) === null) return 0;
      return await topology.withChannel((channel) => channel.purgeQueue(queue));
    });
  }

  /** Runs what asks RabbitMQ; its errors are those of a storage. */
  async #run<T>(ask: (link: Link) => Promise<T>): Promise<T> {
    try {
      return await ask(await this.#open());
    } catch (error) {
      throw toStorageError(error);
    }
  }

  async #open(): Promise<Link> {
    const session = await this.#amqp.session();
    // Nothing is awaited from here on: whoever asks at the same time gets the same.
    if (this.#link?.session === session) return this.#link;
    return (this.#link = new Link({
      session,
      queues: this.#queues,
      holdMs: this.#holdMs,
      onChange: () => this.#changes.announce(),
      onTrouble: () => this.#changes.announce(),
    }));
  }

  #onBreak(): void {
    this.#link = undefined;
    this.#changes.announce();
  }
}

function toMaxPriority(maxPriority: number | undefined): number | undefined {
  if (maxPriority === undefined) return undefined;
  if (Number.isInteger(maxPriority) && maxPriority >= 1 && maxPriority <= 255) return maxPriority;
  throw invalidOption("maxPriority", "an integer from 1 to 255", maxPriority);
}

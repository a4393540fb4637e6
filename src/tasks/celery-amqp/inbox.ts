import { type AmqpChannel, type AmqpDelivery, type AmqpSession } from "../../amqp/index.ts";
import { readAmqpMessage, type MarkedMessage } from "./amqp-message.ts";

/** What an {@link Inbox} needs. */
export interface InboxOptions {
  readonly session: AmqpSession;
  /** Something has come, or the channel has ended. */
  readonly onChange: () => void;
  /** Somebody has removed a queue. */
  readonly onRemoved: (queue: string) => void;
  /** Looks at what came before it counts as there; `false` when it has been dealt with. */
  readonly accept: (arrival: Arrival) => boolean;
  /** Puts what was not taken into its queue again; never rejects. */
  readonly giveBack: (arrival: Arrival) => Promise<void>;
}

/** A message that has come. */
export interface Arrival extends MarkedMessage {
  /** The queue that it came from. */
  readonly queue: string;
  /** Ends with its channel: what came over it goes back to the queues by itself. */
  readonly channel: AmqpChannel;
  /** What it is acknowledged by, on its channel. */
  readonly tag: number;
  /** Whether somebody had it before. */
  readonly isRedelivered: boolean;
}

/** Who takes nothing for so long gives back what has come: another worker may be free. */
const IDLE_MS = 2_000;
/** How long a take waits for what RabbitMQ says that it has. */
const SETTLE_MS = 100;

/**
 * What RabbitMQ has handed to this process, and nobody here has taken yet.
 *
 * Of each queue RabbitMQ hands out no more than may run, so that little lies here while others are free.
 * Ends with its channel; what came over it goes back to the queues by itself.
 */
export class Inbox implements AsyncDisposable {
  readonly #options: InboxOptions;
  readonly #waiting = new Map<string, Arrival[]>();
  /** The consumer of each queue. */
  readonly #consumers = new Map<string, string>();
  #channel: Promise<AmqpChannel> | undefined;
  #opened: AmqpChannel | undefined;
  #prefetch = 0;
  #takenAt = 0;
  #isAnnouncing = false;
  #idle: NodeJS.Timeout | undefined;
  #opening: Promise<void> = Promise.resolve();

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  /** Consumes these queues and no others; of each, `prefetch` deliveries may be out at a time. */
  async open(queues: readonly string[], prefetch: number): Promise<void> {
    this.#takenAt = performance.now();
    const opening = this.#opening.then(
      () => this.#open(queues, prefetch),
      () => this.#open(queues, prefetch),
    );
    this.#opening = opening;
    await opening;
  }

  /** Takes what has come first from these queues. */
  take(queues: readonly string[], limit: number): readonly Arrival[] {
    const taken: Arrival[] = [];
    for (const queue of queues) {
      const waiting = this.#waiting.get(queue) ?? [];
      taken.push(...waiting.splice(0, limit - taken.length));
      if (taken.length >= limit) break;
    }
    return taken;
  }

  /** How many can be taken from a queue. */
  count(queue: string): number {
    return this.#waiting.get(queue)?.length ?? 0;
  }

  /** Adds what can be taken now. */
  add(arrival: Arrival): void {
    const waiting = this.#waiting.get(arrival.queue) ?? [];
    waiting.push(arrival);
    this.#waiting.set(arrival.queue, waiting);
    this.#watchIdleness();
    this.#announceSoon();
  }

  /**
   * Waits until something has come, or RabbitMQ has nothing for these queues; at most a tenth of a second.
   *
   * A channel answers in order: what a classic queue has sent to it is there before its count is. Only
   * what a delivery that was just acknowledged made room for comes a moment later.
   */
  async settle(queues: readonly string[]): Promise<void> {
    const giveUpAt = performance.now() + SETTLE_MS;
    const channel = await this.#channel;
    for (let waiting = 1; waiting > 0 && performance.now() < giveUpAt;) {
      waiting = 0;
      for (const queue of queues) waiting += (await channel?.countMessages(queue)) ?? 0;
      if (queues.some((queue) => this.count(queue) > 0)) return;
    }
  }

  /** Consumes no more, and gives back what has come, as it came: nobody has run it. */
  async giveAllBack(): Promise<void> {
    try {
      const channel = this.#opened;
      for (const tag of this.#consumers.values()) await channel?.cancel(tag);
    } catch {
      // The channel has ended, and with it all that came over it.
    }
    this.#consumers.clear();
    await this.#keepOnly([]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#idle);
    await this.#opened?.[Symbol.asyncDispose]();
  }

  async #open(queues: readonly string[], prefetch: number): Promise<void> {
    const isSame = queues.every((queue) => this.#consumers.has(queue));
    const isEnough = prefetch <= this.#prefetch && queues.length === this.#consumers.size;
    if (this.#opened?.isOpen === true && isSame && isEnough) return;
    await this.#consume(queues, prefetch);
  }

  /** Consumes anew; the channel is kept, since deliveries that run belong to it. */
  async #consume(queues: readonly string[], prefetch: number): Promise<void> {
    const channel = await this.#openChannel();
    for (const tag of this.#consumers.values()) await channel.cancel(tag);
    this.#consumers.clear();
    this.#prefetch = Math.max(prefetch, this.#prefetch);
    await channel.prefetch(this.#prefetch);
    for (const queue of queues) {
      const hear = (delivery: AmqpDelivery): void => this.#hear({ queue, channel }, delivery);
      const onCancel = (): void => {
        this.#options.onRemoved(queue);
        this.#end();
      };
      this.#consumers.set(queue, await channel.consume(queue, hear, { onCancel }));
    }
    await this.#keepOnly(queues);
  }

  /** Gives back what has come from other queues than these. */
  async #keepOnly(queues: readonly string[]): Promise<void> {
    const others = [...this.#waiting].filter(([queue]) => !queues.includes(queue));
    const arrivals = others.flatMap(([, waiting]) => waiting.splice(0));
    await Promise.all(arrivals.map((arrival) => this.#options.giveBack(arrival)));
  }

  async #openChannel(): Promise<AmqpChannel> {
    if (this.#opened?.isOpen === true) return this.#opened;
    this.#waiting.clear();
    this.#consumers.clear();
    this.#channel = this.#options.session.openChannel(() => this.#end());
    this.#opened = await this.#channel;
    return this.#opened;
  }

  #hear(origin: Pick<Arrival, "queue" | "channel">, delivery: AmqpDelivery): void {
    const { tag, isRedelivered } = delivery;
    const arrival = { ...origin, tag, isRedelivered, ...readAmqpMessage(delivery) };
    if (this.#options.accept(arrival)) this.add(arrival);
  }

  /** What one read of the socket brings is told at once. */
  #announceSoon(): void {
    if (this.#isAnnouncing) return;
    this.#isAnnouncing = true;
    queueMicrotask(() => {
      this.#isAnnouncing = false;
      this.#options.onChange();
    });
  }

  /** A queue was removed, or the channel has ended: the next take begins anew. */
  #end(): void {
    this.#waiting.clear();
    this.#consumers.clear();
    this.#options.onChange();
  }

  #watchIdleness(): void {
    this.#idle ??= setTimeout(() => {
      this.#idle = undefined;
      if (performance.now() - this.#takenAt < IDLE_MS) this.#watchIdleness();
      else void this.giveAllBack();
    }, IDLE_MS);
    this.#idle.unref();
  }
}

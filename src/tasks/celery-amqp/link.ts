import { closePolitely, type AmqpPublication, type AmqpSession } from "../../amqp/index.ts";
import { dueTimeOf, type MessageMarks } from "../message/message-marks.ts";
import type { EncodedMessage } from "../message/message.ts";
import { isTooLarge, isUnroutable } from "./amqp-errors.ts";
import { toAmqpProperties } from "./amqp-message.ts";
import { DelayedDelivery } from "./delayed-delivery.ts";
import { Inbox, type Arrival } from "./inbox.ts";
import { LongRuns } from "./long-runs.ts";
import { Topology, type QueueSettings } from "./topology.ts";

/** What a {@link Link} needs. */
export interface LinkOptions {
  readonly session: AmqpSession;
  readonly queues: QueueSettings;
  /** After so long a message of a task that runs is taken anew. */
  readonly holdMs: number;
  readonly onChange: () => void;
  /** What could not be sent on lies where it was, and comes again. */
  readonly onTrouble: (error: unknown) => void;
}

/** A message with a shorter wait than this is kept here until it is due: RabbitMQ counts in seconds. */
const SHORT_WAIT_MS = 1_500;

/** All that belongs to one connection, and ends with it. */
export class Link {
  readonly session: AmqpSession;
  readonly topology: Topology;
  readonly inbox: Inbox;
  readonly longRuns: LongRuns;
  readonly #delayed: DelayedDelivery;
  readonly #options: LinkOptions;
  readonly #early = new Map<NodeJS.Timeout, Arrival>();
  /** The ids of those whose death is being counted. */
  readonly #counting = new Map<string, Promise<void>>();

  constructor(options: LinkOptions) {
    const { session, queues, holdMs, onChange } = options;
    this.session = session;
    this.#options = options;
    this.topology = new Topology(session, queues);
    this.#delayed = new DelayedDelivery(this.topology);
    this.longRuns = new LongRuns({
      topology: this.topology,
      openChannel: (onClose) => session.openChannel(onClose),
      send: (publication) => this.send(publication),
      holdMs,
    });
    this.inbox = new Inbox({
      session,
      onChange,
      onRemoved: (queue) => this.#forgetQueue(queue),
      accept: (arrival) => this.#accept(arrival),
      giveBack: (arrival) => this.#giveBack(arrival),
    });
  }

  /** Resolves when RabbitMQ has the message: in its queue, or waiting for its time. */
  async publish(queue: string, message: EncodedMessage, marks: MessageMarks): Promise<void> {
    const content = { body: message.body, properties: toAmqpProperties(message, marks) };
    await this.topology.ensureQueue(queue);
    if (secondsUntil(marks) >= 1) await this.#delayed.ensureQueue(queue);
    // Making its queues for the first time takes a second or more, which is part of the wait.
    const seconds = secondsUntil(marks);
    if (seconds >= 1) {
      await this.send({
        ...content,
        ...DelayedDelivery.addressOf(queue, seconds),
        mandatory: true,
      });
      return;
    }
    const publication = { ...content, exchange: "", routingKey: queue, mandatory: true };
    try {
      await this.send(publication);
    } catch (error) {
      if (!isUnroutable(error)) throw error;
      this.#forgetQueue(queue);
      await this.topology.ensureQueue(queue);
      await this.send(publication);
    }
  }

  /**
   * Publishes what has come from a queue, in its place or as what comes next.
   *
   * Headers that others write may be larger than ours: it then goes on without them, to be refused by
   * who runs it rather than to come again and again.
   */
  async resend(queue: string, message: EncodedMessage, marks: MessageMarks): Promise<void> {
    try {
      await this.publish(queue, message, marks);
    } catch (error) {
      if (!isTooLarge(error)) throw error;
      await this.publish(queue, { ...message, headers: { id: message.id } }, marks);
    }
  }

  async send(publication: AmqpPublication): Promise<void> {
    const publisher = await this.session.publisher();
    await publisher.publish(publication);
  }

  async close(): Promise<void> {
    const early = [...this.#early];
    this.#early.clear();
    for (const [timer] of early) clearTimeout(timer);
    const held = early.map(([, arrival]) => arrival).filter(({ channel }) => channel.isOpen);
    const gone = [this.inbox.giveAllBack(), ...held.map((arrival) => this.#giveBack(arrival))];
    await closePolitely(() => Promise.all(gone));
    await this.inbox[Symbol.asyncDispose]();
  }

  /**
   * Whether what has come may be taken now.
   *
   * What a dead worker may have had is counted, which takes a new message in its place. What comes before
   * its time, as what Python sends does, is sent on to wait in RabbitMQ.
   */
  #accept(arrival: Arrival): boolean {
    const { message, marks, isRedelivered } = arrival;
    const counting = this.#counting.get(message.id);
    if (counting) {
      void counting.then(() => this.#acceptLate(arrival));
      return false;
    }
    if (isRedelivered) {
      this.#counting.set(message.id, this.#countDeath(arrival));
      return false;
    }
    const dueAt = dueTimeOf(message, marks);
    const waitMs = (dueAt ?? 0) - Date.now();
    if (waitMs <= 0) return true;
    if (waitMs > SHORT_WAIT_MS) void this.#sendOn(arrival, { ...marks, dueAt });
    else this.#hold(arrival, waitMs);
    return false;
  }

  #acceptLate(arrival: Arrival): void {
    if (arrival.channel.isOpen && this.#accept(arrival)) this.inbox.add(arrival);
  }

  /**
   * Puts a message into the place of one whose worker has died; never rejects.
   *
   * Until the old one is gone for certain, the new one does not run here: it may kill this worker too, and
   * both would be left.
   */
  async #countDeath(arrival: Arrival): Promise<void> {
    const { message, marks, channel } = arrival;
    const { runs, lostLeases } = marks;
    await this.#sendOn(arrival, { ...marks, runs: runs + 1, lostLeases: lostLeases + 1 });
    try {
      await channel.settled();
    } catch {
      // The channel has ended, and with it all that came over it.
    }
    this.#counting.delete(message.id);
  }

  /** Somebody has removed it. */
  #forgetQueue(queue: string): void {
    this.topology.forgetQueue(queue);
    this.#delayed.forgetQueue(queue);
  }

  #hold(arrival: Arrival, waitMs: number): void {
    const timer = setTimeout(() => {
      this.#early.delete(timer);
      if (arrival.channel.isOpen) this.inbox.add(arrival);
    }, waitMs);
    this.#early.set(timer, arrival);
  }

  /** As a new message: one that RabbitMQ takes back by itself counts as one whose worker died. */
  async #giveBack(arrival: Arrival): Promise<void> {
    await this.#sendOn(arrival, arrival.marks);
  }

  /** Puts a new message into the place of one that has come. */
  async #sendOn(arrival: Arrival, marks: MessageMarks): Promise<void> {
    try {
      await this.resend(arrival.queue, arrival.message, marks);
      arrival.channel.acknowledge(arrival.tag);
    } catch (error) {
      this.#options.onTrouble(error);
      arrival.channel.giveBack(arrival.tag);
    }
  }
}

/** The whole seconds until a message is due; the rest is waited for by who takes it. */
function secondsUntil({ dueAt }: MessageMarks): number {
  return dueAt === null ? 0 : Math.floor((dueAt - Date.now()) / 1_000);
}

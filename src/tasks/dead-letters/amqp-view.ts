import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";

import { isAmqpRefusal, type AmqpChannel, type AmqpDelivery } from "../../amqp/index.ts";
import { backoffMs } from "../../core/backoff.ts";
import { TidingsError } from "../../core/errors.ts";
import type { Link } from "../celery-amqp/link.ts";
import { readLetter, type PlacedLetter } from "./amqp-letter.ts";

/** So many letters can be looked at: as many deliveries as a consumer may have out. */
export const MAX_VIEWED = 65_535;
/** Whoever has this queue, which nobody else can have meanwhile, may look. */
const TURN = "tidings.dead-letters.turn";
/** How long others are waited for who look at the letters. */
const TURN_MS = 10_000;
const BACKOFF = { baseMs: 20, maxMs: 200 };
/** How long RabbitMQ may take to hand out what it has. */
const OPEN_MS = 30_000;
/** How long RabbitMQ may take to take letters back. */
const BACK_MS = 1_000;

/** What carries no letter, but tells that all those before it have come. */
const MARKER_TYPE = "application/vnd.tidings.marker";

/** A letter, and by which deliveries it is held: each time that it was buried is one. */
interface Viewed extends PlacedLetter {
  readonly tags: readonly number[];
}

/**
 * The letters of a queue, held for a moment: who looks at them takes them all, and nobody else can meanwhile.
 *
 * RabbitMQ has no way to read a message but to take it. What is not removed goes back, to its place, when
 * the view is closed, or who looks dies. What dies meanwhile joins the view as it comes.
 */
export class AmqpLetterView implements AsyncDisposable {
  readonly #link: Link;
  readonly #channel: AmqpChannel;
  readonly #queue: string;
  readonly #letters = new Map<string, Viewed>();
  /** How many deliveries are out. */
  #held = 0;

  private constructor(link: Link, queue: string, channel: AmqpChannel) {
    this.#link = link;
    this.#queue = queue;
    this.#channel = channel;
  }

  /**
   * Takes all letters of a queue that is there.
   *
   * @throws {TidingsError} STORAGE_UNAVAILABLE when others have looked at them for ten seconds.
   */
  static async open(link: Link, queue: string): Promise<AmqpLetterView> {
    const ended = Promise.withResolvers<"ended">();
    const channel = await link.session.openChannel(() => ended.resolve("ended"));
    await using stack = new AsyncDisposableStack();
    stack.use(channel);
    await takeTurn(link);
    const view = stack.use(new AmqpLetterView(link, queue, channel));
    await view.#fill(ended.promise);
    stack.move();
    return view;
  }

  get isOpen(): boolean {
    return this.#channel.isOpen;
  }

  get count(): number {
    return this.#letters.size;
  }

  get(id: string): PlacedLetter | undefined {
    return this.#letters.get(id);
  }

  /** The oldest first. */
  list(): readonly PlacedLetter[] {
    return [...this.#letters.values()].toSorted((a, b) => (a.place < b.place ? -1 : 1));
  }

  /** Removes a letter, each copy of it; `false` when the connection has broken. */
  remove(id: string): boolean {
    const tags = this.#letters.get(id)?.tags ?? [];
    this.#letters.delete(id);
    return tags.every((tag) => this.#end(tag));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const wasOpen = this.#channel.isOpen;
    await this.#channel[Symbol.asyncDispose]();
    if (wasOpen) await this.#untilBack();
    await endTurn(this.#link);
  }

  /** Waits until others can look: a quorum queue takes letters back a moment after their channel has ended. */
  async #untilBack(): Promise<void> {
    const { topology } = this.#link;
    const giveUpAt = performance.now() + BACK_MS;
    while (((await topology.countMessages(this.#queue)) ?? Infinity) < this.#held) {
      if (performance.now() > giveUpAt) return;
      await delay(5);
    }
  }

  async #fill(ended: Promise<"ended">): Promise<void> {
    const all = Promise.withResolvers<"all">();
    const marker = randomUUID();
    let count = 0;
    const hear = (delivery: AmqpDelivery): void => {
      const isMarker = delivery.properties.contentType === MARKER_TYPE;
      this.#held++;
      if (isMarker) this.#end(delivery.tag);
      else this.#add(delivery);
      if (++count === MAX_VIEWED || (isMarker && delivery.properties.correlationId === marker)) {
        all.resolve("all");
      }
    };
    await this.#channel.prefetch(MAX_VIEWED);
    await this.#channel.consume(this.#queue, hear);
    await this.#link.send({
      exchange: "",
      routingKey: this.#queue,
      body: new Uint8Array(),
      properties: {
        contentType: MARKER_TYPE,
        correlationId: marker,
        // Nobody else needs it, should we die.
        expiration: String(OPEN_MS),
      },
    });
    const late = delay(OPEN_MS, "late" as const, { ref: false });
    const how = await Promise.race([all.promise, ended, late]);
    if (how === "all") return;
    throw new TidingsError("STORAGE_UNAVAILABLE", "RabbitMQ did not hand out its dead letters");
  }

  #end(tag: number): boolean {
    this.#held--;
    return this.#channel.acknowledge(tag);
  }

  /** Of one id the youngest counts; what is no letter is left alone. */
  #add(delivery: AmqpDelivery): void {
    const placed = readLetter(delivery);
    if (!placed) return;
    const { id } = placed.letter;
    const known = this.#letters.get(id);
    const youngest = known && known.place > placed.place ? known : placed;
    this.#letters.set(id, { ...youngest, tags: [...(known?.tags ?? []), delivery.tag] });
  }
}

/** Waits until nobody else looks. */
async function takeTurn({ topology }: Link): Promise<void> {
  const giveUpAt = performance.now() + TURN_MS;
  for (let tries = 0; ; tries++) {
    try {
      const options = { durable: false, exclusive: true };
      await topology.withChannel((channel) => channel.declareQueue(TURN, options));
      return;
    } catch (error) {
      if (!isAmqpRefusal(error, "RESOURCE_LOCKED")) throw error;
      if (performance.now() > giveUpAt) throw inUse(error);
    }
    await delay(backoffMs(tries, BACKOFF));
  }
}

async function endTurn({ topology }: Link): Promise<void> {
  try {
    await topology.withChannel((channel) => channel.deleteQueue(TURN));
  } catch {
    // It ends with the connection.
  }
}

function inUse(cause: unknown): TidingsError {
  const message =
    "somebody else has looked at the dead letters for 10 s: on RabbitMQ one process can at a time";
  return new TidingsError("STORAGE_UNAVAILABLE", message, { cause });
}

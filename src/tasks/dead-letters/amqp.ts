import { randomBytes } from "node:crypto";

import { isAmqpRefusal } from "../../amqp/index.ts";
import { TidingsError } from "../../core/errors.ts";
import { invalidOption } from "../../core/options.ts";
import type { Delivery } from "../brokers/broker.ts";
import { isTooLarge } from "../celery-amqp/amqp-errors.ts";
import type { Link } from "../celery-amqp/link.ts";
import { writeLetter } from "./amqp-letter.ts";
import { AmqpLetterView, MAX_VIEWED } from "./amqp-view.ts";
import {
  MAX_PAGE_BYTES,
  toBounds,
  toPlace,
  type DeadLetterBounds,
  type DeadLetterPage,
  type DeadLetterRequest,
  type DeadLetterStore,
} from "./dead-letter-store.ts";
import type { DeadLetter, Death } from "./dead-letter.ts";

/** What RabbitMQ needs of its broker. */
export interface AmqpDeadLettersOptions {
  readonly bounds?: DeadLetterBounds | undefined;
  readonly queueType: "classic" | "quorum";
  /** Asks RabbitMQ. */
  readonly run: <T>(ask: (link: Link) => Promise<T>) => Promise<T>;
  /** Whether a delivery has not been lost. */
  readonly isHeld: (delivery: Delivery) => boolean;
  /** Ends a delivery; `false` when it was lost. */
  readonly acknowledge: (delivery: Delivery) => Promise<boolean>;
}

const QUEUE = "tidings.dead-letters";
const PLACE = /^\d{15}-[0-9a-f]{8}$/;
/** Whoever looks at the letters holds them all in memory. */
const MAX_BYTES = 268_435_456;
/** What RabbitMQ takes for the age of a message: 32 bits of milliseconds. */
const MAX_AGE_MS = 2 ** 32 - 1;
/** A quorum queue drops what was given back more often; -1 means never to some versions, and at once to others. */
const MAX_LOOKS = 2 ** 31 - 1;
/** Letters that are looked at stay here so long, for whatever is asked next. */
const IDLE_MS = 1_000;
/** Others get their turn after so long. */
const VIEW_MS = 10_000;

/**
 * The dead letters of a RabbitMQ: messages in a queue of their own.
 *
 * A letter is confirmed before its message is acknowledged: whoever dies in between leaves both, and the
 * message may leave a second letter, which counts as one with the first. RabbitMQ drops letters by
 * itself when they are too old, and the oldest beyond 256 MiB.
 *
 * Looking at one letter takes them all for a moment (see {@link AmqpLetterView}), so each look costs as
 * much as there are letters, and only one process can look at a time.
 */
export class AmqpDeadLetters implements DeadLetterStore {
  readonly #options: AmqpDeadLettersOptions;
  readonly #maxCount: number;
  readonly #maxAgeMs: number;
  #view: Promise<AmqpLetterView | null> | undefined;
  #viewUntil = 0;
  #closing: Promise<void> = Promise.resolve();
  #trimming: Promise<void> = Promise.resolve();
  /** One that has not begun. */
  #nextTrim: Promise<void> | undefined;
  #idle: NodeJS.Timeout | undefined;
  #youngest = 0;

  constructor(options: AmqpDeadLettersOptions) {
    const { maxCount, maxAgeMs } = toBounds(options.bounds);
    if (maxCount > MAX_VIEWED) {
      throw invalidOption("deadLetters.maxCount", `at most ${MAX_VIEWED} on RabbitMQ`, maxCount);
    }
    this.#options = options;
    this.#maxCount = maxCount;
    this.#maxAgeMs = Math.min(maxAgeMs, MAX_AGE_MS);
  }

  async bury(delivery: Delivery, death: Death): Promise<boolean> {
    if (!this.#options.isHeld(delivery)) return false;
    const { body, properties } = writeLetter(delivery, death, this.#nextPlace(death.diedAt));
    await this.close();
    await this.#options.run(async (link) => {
      await this.#declareQueue(link);
      const expiration = String(this.#maxAgeMs);
      const letter = { exchange: "", routingKey: QUEUE, body, mandatory: true };
      try {
        await link.send({ ...letter, properties: { ...properties, expiration } });
      } catch (error) {
        if (!isTooLarge(error)) throw error;
        await link.send({ ...letter, properties: { ...properties, expiration, headers: {} } });
      }
    });
    const ended = await this.#options.acknowledge(delivery);
    await this.#trim();
    return ended;
  }

  async read(request: DeadLetterRequest): Promise<DeadLetterPage> {
    const { limit } = request;
    const after = toPlace(request, PLACE) ?? "";
    const view = await this.#look();
    const rest = view?.list().filter(({ place }) => place > after) ?? [];
    const letters: DeadLetter[] = [];
    let bytes = 0;
    let last = "";
    for (const { place, letter } of rest) {
      if (letters.length >= limit || bytes > MAX_PAGE_BYTES) return { letters, next: last };
      letters.push(letter);
      bytes += letter.message.body.byteLength;
      last = place;
    }
    return { letters, next: null };
  }

  async get(id: string): Promise<DeadLetter | null> {
    const view = await this.#look();
    return view?.get(id)?.letter ?? null;
  }

  async remove(id: string): Promise<boolean> {
    const view = await this.#look();
    if (!view?.get(id)) return false;
    if (view.remove(id)) return true;
    throw new TidingsError("STORAGE_UNAVAILABLE", "the connection to RabbitMQ broke");
  }

  async count(): Promise<number> {
    return (await this.#look())?.count ?? 0;
  }

  /** Gives back what is looked at. */
  async close(): Promise<void> {
    clearTimeout(this.#idle);
    const view = this.#view;
    this.#view = undefined;
    const closing = this.#closing;
    this.#closing = (async () => {
      await closing;
      await dispose(view);
    })();
    await this.#closing;
  }

  /** Looks at the letters; `null` when there has never been one. */
  async #look(): Promise<AmqpLetterView | null> {
    clearTimeout(this.#idle);
    if (this.#view && performance.now() > this.#viewUntil) void this.close();
    const opening = (this.#view ??= this.#open());
    let view: AmqpLetterView | null = null;
    try {
      view = await opening;
    } finally {
      if (this.#view === opening && !view?.isOpen) this.#view = undefined;
    }
    if (view && !view.isOpen) return await this.#look();
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => void this.close(), IDLE_MS);
    this.#idle.unref();
    return view;
  }

  async #open(): Promise<AmqpLetterView | null> {
    this.#viewUntil = Infinity;
    await this.#closing;
    return await this.#options.run(async (link) => {
      if ((await link.topology.countMessages(QUEUE)) === null) return null;
      const view = await AmqpLetterView.open(link, QUEUE);
      this.#viewUntil = performance.now() + VIEW_MS;
      return view;
    });
  }

  /** As old as its death says, but younger than all before. */
  #nextPlace(diedAt: number): string {
    this.#youngest = Math.max(diedAt, this.#youngest + 1);
    return `${String(this.#youngest).padStart(15, "0")}-${randomBytes(4).toString("hex")}`;
  }

  /** A queue that is there is taken as it is. */
  async #declareQueue({ topology }: Link): Promise<void> {
    const quorum = { "x-queue-type": "quorum", "x-delivery-limit": MAX_LOOKS };
    const type = this.#options.queueType === "quorum" ? quorum : {};
    try {
      await topology.withChannel((channel) =>
        channel.declareQueue(QUEUE, {
          durable: true,
          arguments: { ...type, "x-max-length-bytes": MAX_BYTES },
        }),
      );
    } catch (error) {
      if (!isAmqpRefusal(error, "PRECONDITION_FAILED")) throw error;
    }
  }

  /** Drops the oldest, one process's burials at a time; those that come meanwhile wait for the next. */
  #trim(): Promise<void> {
    this.#nextTrim ??= this.#trimAfter(this.#trimming);
    this.#trimming = this.#nextTrim;
    return this.#nextTrim;
  }

  async #trimAfter(earlier: Promise<void>): Promise<void> {
    await earlier;
    this.#nextTrim = undefined;
    try {
      await this.#options.run((link) => this.#dropExcess(link));
    } catch {
      // What has died is kept; whoever dies next has as much dropped.
    }
  }

  /** What somebody looks at is not counted: then it is done the next time. */
  async #dropExcess({ topology }: Link): Promise<void> {
    await topology.withChannel(async (channel) => {
      const count = await channel.countMessages(QUEUE);
      for (let excess = count - this.#maxCount; excess > 0; excess--) {
        const oldest = await channel.get(QUEUE);
        if (!oldest) return;
        // Others drop as well: only what there are enough behind is too much.
        if (oldest.behind < this.#maxCount) return void channel.giveBack(oldest.tag);
        channel.acknowledge(oldest.tag);
      }
    });
  }
}

async function dispose(view: Promise<AmqpLetterView | null> | undefined): Promise<void> {
  try {
    await (await view)?.[Symbol.asyncDispose]();
  } catch {
    // What could not be opened needs no closing.
  }
}

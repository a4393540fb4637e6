import { setImmediate as endOfTick } from "node:timers/promises";

import { backoffMs } from "../../core/backoff.ts";
import { TidingsError, toError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { Broker, Delivery } from "../brokers/broker.ts";
import { nextTick } from "../next-tick.ts";
import { Wakeup } from "../wakeup.ts";

/** While the broker cannot be asked, the same is said so often. */
const REMIND_MS = 30_000;
/** A broker that has been asked for so long is said not to answer. */
const SILENCE_MS = 2_000;

/** How to make a {@link Fetch}. */
export interface FetchOptions {
  readonly broker: Broker;
  readonly logger: Logger;
  readonly leaseMs: number;
  /** How long the broker may be silent before the fetch starts again. */
  readonly deafAfterMs: number;
  /** How often `check` is called. */
  readonly checkMs: number;
  /** The queues to take from now. */
  readonly queues: () => readonly string[];
  /** How many more messages there is room for. */
  readonly room: () => number;
  readonly launch: (delivery: Delivery) => void;
}

/** How a fetch is. */
export interface FetchHealth {
  /** When the broker last answered, in milliseconds since 1970; `null` when it never has. */
  readonly answeredAt: number | null;
  /** For how long it has been asked without an answer, over restarts. */
  readonly silentMs: number;
  /** Why messages cannot be taken, if that is so. */
  readonly failure: Error | null;
  /** How often it has gone deaf and was started again. */
  readonly restarts: number;
}

/** One run of the loop; it ends when it is no longer the current one. */
interface Round {
  readonly giveUp: () => void;
}

/**
 * Takes messages while there is room for them.
 *
 * What does not come back, or finds nothing although messages wait, has gone deaf: it is left behind, the
 * broker makes new connections, and a new round begins. What the old round still finds goes back.
 *
 * States: closed → open (`start`) → closed (`stop`). Open has one current round.
 */
export class Fetch {
  readonly #options: FetchOptions;
  readonly #wakeup = new Wakeup();
  readonly #reached = Promise.withResolvers<void>();
  #round: Round | undefined;
  #loop: Promise<void> = Promise.resolve();
  #dueTimer: NodeJS.Timeout | undefined;
  /** Since when the broker has been asked, while it is. */
  #askedAt: number | undefined;
  /** How many checks have seen that: an event loop that stood still must not count as a silent broker. */
  #silentChecks = 0;
  /** Since when it has not answered, over restarts. */
  #silentSince: number | undefined;
  #answeredAt: number | null = null;
  /** When a message was found, or the fetch started, or there was no room. */
  #heardAt = 0;
  /** Whether the last take brought all that it asked for: more may wait. */
  #isFull = false;
  #isSuspect = false;
  #isLooking = false;
  #failure: Error | null = null;
  #failingSince = 0;
  #saidAt = 0;
  #restarts = 0;

  constructor(options: FetchOptions) {
    this.#options = options;
  }

  start(): void {
    const { promise: givenUp, resolve: giveUp } = Promise.withResolvers<void>();
    this.#round = { giveUp };
    this.#heardAt = performance.now();
    this.#askedAt = undefined;
    this.#isSuspect = false;
    this.#loop = Promise.race([this.#run(this.#round), givenUp]);
  }

  /** Looks for messages soon. */
  wake(): void {
    this.#wakeup.wake();
  }

  /** Takes nothing more; resolves when the last take has come back, or is given up. */
  async stop(): Promise<void> {
    const round = this.#round;
    this.#round = undefined;
    clearTimeout(this.#dueTimer);
    this.wake();
    const giveUp = setTimeout(() => round?.giveUp(), this.#options.deafAfterMs);
    await this.#loop;
    clearTimeout(giveUp);
  }

  /** Resolves when the broker has answered for the first time. */
  get reached(): Promise<void> {
    return this.#reached.promise;
  }

  get health(): FetchHealth {
    return {
      answeredAt: this.#answeredAt,
      silentMs: this.#silentSince === undefined ? 0 : performance.now() - this.#silentSince,
      failure: this.#failure,
      restarts: this.#restarts,
    };
  }

  /** Notices when it has gone deaf, and looks for messages whatever was heard. Called now and then. */
  check(): void {
    this.wake();
    if (!this.#round) return;
    const { broker, deafAfterMs, room } = this.#options;
    const now = performance.now();
    const silentMs = this.#askedAt === undefined ? 0 : now - this.#askedAt;
    this.#silentChecks = silentMs === 0 ? 0 : this.#silentChecks + 1;
    if (this.#silentChecks > 1 && silentMs > deafAfterMs) {
      this.#restart({ silentMs: Math.round(silentMs) });
    } else if (this.#silentChecks > 1 && silentMs > SILENCE_MS && !this.#failure) {
      this.#fail(broker.trouble ?? silence());
    } else if (this.#failure || room() <= 0) this.#hear();
    else if (now - this.#heardAt > deafAfterMs) void this.#look(this.#round);
  }

  async #run(round: Round): Promise<void> {
    for (let failures = 0; this.#round === round;) {
      try {
        await this.#takeSome(round);
        if (this.#round !== round) return;
        failures = 0;
        this.#succeed();
      } catch (error) {
        if (this.#round !== round) return;
        this.#endSilence();
        const waitMs = backoffMs(failures++, { baseMs: 200, maxMs: 5_000 });
        this.#fail(toError(error));
        this.#wakeAfter(waitMs);
      }
      await this.#wakeup.wait();
      // Whatever else this tick brings belongs to the same take. Where more waits, it is asked for before
      // outcomes are stored, so that the next tasks run meanwhile; else outcomes come first.
      await (this.#isFull ? nextTick() : endOfTick());
    }
  }

  async #takeSome(round: Round): Promise<void> {
    const { broker, leaseMs, room, launch } = this.#options;
    const queues = this.#options.queues();
    const limit = room();
    if (limit <= 0) return;
    this.#askedAt = performance.now();
    this.#silentChecks = 0;
    this.#silentSince ??= this.#askedAt;
    const deliveries = await broker.take({ queues, limit, leaseMs });
    if (this.#round !== round) {
      await Promise.all(deliveries.map((delivery) => broker.putBack(delivery)));
      return;
    }
    this.#answeredAt = Date.now();
    this.#reached.resolve();
    this.#isFull = deliveries.length === limit;
    if (deliveries.length > 0) this.#hear();
    for (const delivery of deliveries) launch(delivery);
    const dueAt = this.#isFull ? null : await broker.nextDueAt(queues);
    if (this.#round !== round) return;
    this.#endSilence();
    if (dueAt !== null) this.#wakeAfter(dueAt - Date.now());
  }

  #wakeAfter(waitMs: number): void {
    clearTimeout(this.#dueTimer);
    // Due times further away than the next check are looked at again then.
    if (waitMs > this.#options.checkMs) return;
    this.#dueTimer = setTimeout(() => this.wake(), Math.max(waitMs, 0));
  }

  #endSilence(): void {
    this.#askedAt = undefined;
    this.#silentSince = undefined;
  }

  #hear(): void {
    this.#heardAt = performance.now();
    this.#isSuspect = false;
  }

  #fail(error: Error): void {
    const now = performance.now();
    if (!this.#failure) this.#failingSince = now;
    const isNew = this.#failure?.message !== error.message;
    this.#failure = error;
    if (!isNew && now - this.#saidAt < REMIND_MS) return;
    this.#saidAt = now;
    this.#options.logger.error({ err: error }, "messages could not be taken; it is tried again");
  }

  #succeed(): void {
    if (!this.#failure) return;
    this.#failure = null;
    const afterMs = Math.round(performance.now() - this.#failingSince);
    this.#options.logger.info({ afterMs }, "messages can be taken again");
  }

  /** Nothing was found for long: whether there is nothing to find. What came just now is seen twice. */
  async #look(round: Round): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const heardAt = this.#heardAt;
    try {
      const waiting = await this.#findWaiting();
      if (this.#round !== round || heardAt !== this.#heardAt) return;
      if (!waiting) this.#hear();
      else if (this.#isSuspect) this.#restart(waiting);
      else this.#isSuspect = true;
    } catch (error) {
      this.#options.logger.debug({ err: error }, "waiting messages could not be counted");
    } finally {
      this.#isLooking = false;
    }
  }

  async #findWaiting(): Promise<{ queue: string; waiting: number } | undefined> {
    for (const queue of this.#options.queues()) {
      const { waiting } = await this.#options.broker.contents.count(queue);
      if (waiting > 0) return { queue, waiting };
    }
    return undefined;
  }

  #restart(why: object): void {
    this.#restarts++;
    const { logger } = this.#options;
    logger.warn({ ...why, restarts: this.#restarts }, "the fetch has gone deaf; it starts again");
    void this.#reconnect();
    this.start();
  }

  async #reconnect(): Promise<void> {
    const { broker, logger } = this.#options;
    try {
      await broker.reconnect?.();
    } catch (error) {
      logger.warn({ err: error }, "the broker could not make new connections");
    }
  }
}

function silence(): TidingsError {
  const message = `the broker has not answered for ${SILENCE_MS / 1_000} s`;
  return new TidingsError("STORAGE_UNAVAILABLE", message);
}

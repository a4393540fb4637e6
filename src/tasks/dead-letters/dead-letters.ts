import { TidingsError } from "../../core/errors.ts";
import { assertPositiveInteger, invalidOption } from "../../core/options.ts";
import type { Broker } from "../brokers/broker.ts";
import { encodeRedrive } from "../message/encode.ts";
import type { ResultStore } from "../results/result-store.ts";
import type { DeadLetterStore } from "./dead-letter-store.ts";
import { DEAD_LETTER_REASONS, type DeadLetter, type DeadLetterReason } from "./dead-letter.ts";

/** Which dead letters: all that fit everything that is given. */
export interface DeadLetterFilter {
  readonly queue?: string | undefined;
  /** The name of the task. */
  readonly task?: string | undefined;
  readonly reason?: DeadLetterReason | undefined;
}

/** Which part of them to list. */
export interface ListDeadLettersOptions extends DeadLetterFilter {
  /** At most so many. A list of large messages is shorter. @default 100 */
  readonly limit?: number | undefined;
  /** `next` of the list before. @default the oldest */
  readonly after?: string | undefined;
}

/** A part of the dead letters, the oldest first. */
export interface DeadLetterList {
  readonly letters: readonly DeadLetter[];
  /** Where the next part begins; `null` when this was the last. */
  readonly next: string | null;
}

/** So many are read at once. */
const PAGE = 100;

/**
 * The messages that workers gave up: to look at, to send again, or to throw away.
 *
 * Bound: the broker's (`deadLetters: { maxCount, maxAgeMs }`), the oldest go first.
 */
export class DeadLetters {
  readonly #broker: Broker;
  readonly #results: ResultStore;

  /** @internal Use `tasks.deadLetters`. */
  constructor(broker: Broker, results: ResultStore) {
    this.#broker = broker;
    this.#results = results;
  }

  /** Lists those that fit, the oldest first. */
  async list(options: ListDeadLettersOptions = {}): Promise<DeadLetterList> {
    const { limit = PAGE, after, ...filter } = options;
    assertPositiveInteger("limit", limit);
    assertFilter(filter);
    const letters: DeadLetter[] = [];
    for (let place = after; ;) {
      const asked = Math.min(limit - letters.length, PAGE);
      const page = await this.#store.read({ limit: asked, after: place });
      letters.push(...page.letters.filter((letter) => fits(letter, filter)));
      const isLarge = page.letters.length < asked && letters.length > 0;
      if (page.next === null || letters.length === limit || isLarge) {
        return { letters, next: page.next };
      }
      place = page.next;
    }
  }

  /** The dead letter of a task; `null` when there is none. */
  get(id: string): Promise<DeadLetter | null> {
    return this.#store.get(id);
  }

  /** How many there are. */
  count(): Promise<number> {
    return this.#store.count();
  }

  /**
   * Sends a dead letter to its queue again, under the same id, as if it had never been tried.
   *
   * It is sent before it is removed: whoever dies in between sends it twice, and loses nothing. What was
   * recorded of the task is forgotten, so that its new outcome can be.
   *
   * @returns whether there was one.
   */
  async redrive(id: string): Promise<boolean> {
    const letter = await this.#store.get(id);
    if (letter) await this.#redrive(letter);
    return letter !== null;
  }

  /** Sends all that fit to their queues again, the oldest first; returns how many. */
  redriveAll(filter: DeadLetterFilter = {}): Promise<number> {
    return this.#forEachPage(filter, async (letters) => {
      for (const letter of letters) await this.#redrive(letter);
    });
  }

  /** Removes a dead letter for good; returns whether there was one. */
  discard(id: string): Promise<boolean> {
    return this.#store.remove(id);
  }

  /** Removes all that fit for good; returns how many. */
  discardAll(filter: DeadLetterFilter = {}): Promise<number> {
    return this.#forEachPage(filter, (letters) =>
      Promise.all(letters.map(({ id }) => this.#store.remove(id))),
    );
  }

  get #store(): DeadLetterStore {
    const { deadLetters } = this.#broker;
    if (deadLetters) return deadLetters;
    throw new TidingsError("OPTION_INVALID", "this broker keeps no dead letters");
  }

  async #redrive({ id, queue, message }: DeadLetter): Promise<void> {
    await this.#results.forget(id);
    // `false` when it is there already: somebody died after the same.
    await this.#broker.publish(queue, encodeRedrive(message));
    await this.#store.remove(id);
  }

  /** What dies meanwhile is left for the next time, so that this ends. */
  async #forEachPage(
    filter: DeadLetterFilter,
    act: (letters: readonly DeadLetter[]) => Promise<unknown>,
  ): Promise<number> {
    assertFilter(filter);
    let left = await this.count();
    let done = 0;
    for (let after: string | undefined; left > 0;) {
      const page = await this.#store.read({ limit: Math.min(left, PAGE), after });
      const fitting = page.letters.filter((letter) => fits(letter, filter));
      await act(fitting);
      done += fitting.length;
      left -= page.letters.length;
      if (page.next === null) break;
      after = page.next;
    }
    return done;
  }
}

function fits(letter: DeadLetter, { queue, task, reason }: DeadLetterFilter): boolean {
  return (
    (queue === undefined || letter.queue === queue) &&
    (task === undefined || letter.task === task) &&
    (reason === undefined || letter.reason === reason)
  );
}

function assertFilter({ reason }: DeadLetterFilter): void {
  if (reason === undefined || DEAD_LETTER_REASONS.includes(reason)) return;
  throw invalidOption("reason", `one of ${DEAD_LETTER_REASONS.join(", ")}`, reason);
}

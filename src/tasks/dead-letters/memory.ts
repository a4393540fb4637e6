import type { Delivery } from "../brokers/broker.ts";
import {
  MAX_EXPIRED,
  NUMBERED_PLACE,
  toBounds,
  toPlace,
  type DeadLetterBounds,
  type DeadLetterPage,
  type DeadLetterRequest,
  type DeadLetterStore,
} from "./dead-letter-store.ts";
import type { DeadLetter, Death } from "./dead-letter.ts";

/** What memory needs of its broker. */
export interface MemoryDeadLettersOptions extends DeadLetterBounds {
  readonly now: () => number;
  /** Ends a delivery; `false` when the lease is lost. */
  readonly acknowledge: (delivery: Delivery) => Promise<boolean>;
}

interface Entry {
  readonly place: number;
  readonly letter: DeadLetter;
}

/** The dead letters of a broker in memory. */
export class MemoryDeadLetters implements DeadLetterStore {
  readonly #options: MemoryDeadLettersOptions;
  readonly #bounds: ReturnType<typeof toBounds>;
  /** The oldest first. */
  readonly #entries = new Map<string, Entry>();
  #places = 0;

  constructor(options: MemoryDeadLettersOptions) {
    this.#options = options;
    this.#bounds = toBounds(options);
  }

  async bury(delivery: Delivery, death: Death): Promise<boolean> {
    const { id, queue, runs, lostLeases, message } = delivery;
    if (!(await this.#options.acknowledge(delivery))) return false;
    this.#entries.delete(id);
    const letter = { id, queue, runs, lostLeases, message, ...death };
    this.#entries.set(id, { place: ++this.#places, letter });
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#bounds.maxCount) break;
      this.#entries.delete(oldest);
    }
    return true;
  }

  async read(request: DeadLetterRequest): Promise<DeadLetterPage> {
    const { limit } = request;
    const after = Number(toPlace(request, NUMBERED_PLACE) ?? 0);
    const rest = [...this.#entries.values()].filter(({ place }) => place > after);
    const page = rest.slice(0, limit);
    const last = page.at(-1);
    const next = last && rest.length > page.length ? String(last.place) : null;
    return { letters: page.map(({ letter }) => letter), next };
  }

  async get(id: string): Promise<DeadLetter | null> {
    return this.#entries.get(id)?.letter ?? null;
  }

  async remove(id: string): Promise<boolean> {
    return this.#entries.delete(id);
  }

  async count(): Promise<number> {
    return this.#entries.size;
  }

  async expire(): Promise<number> {
    const before = this.#options.now() - this.#bounds.maxAgeMs;
    const expired = [...this.#entries.values()]
      .filter(({ letter }) => letter.diedAt < before)
      .slice(0, MAX_EXPIRED);
    for (const { letter } of expired) this.#entries.delete(letter.id);
    return expired.length;
  }
}

import { assertPositiveInteger, invalidOption } from "../../core/options.ts";
import type { Delivery } from "../brokers/broker.ts";
import type { DeadLetter, Death } from "./dead-letter.ts";

/** How many dead letters a broker keeps, and how long. */
export interface DeadLetterBounds {
  /** Beyond, the oldest are dropped. @default 10_000 */
  readonly maxCount?: number | undefined;
  /** What is older is dropped, in milliseconds. @default 2_592_000_000, which is 30 days */
  readonly maxAgeMs?: number | undefined;
}

/** A part of the dead letters, the oldest first. */
export interface DeadLetterPage {
  readonly letters: readonly DeadLetter[];
  /** Where the next page begins; `null` when there was nothing more. */
  readonly next: string | null;
}

/** Which part of the dead letters. */
export interface DeadLetterRequest {
  /** At most so many. A page of large messages is shorter. */
  readonly limit: number;
  /** `next` of the page before. @default the beginning */
  readonly after?: string | undefined;
}

/** Places that are whole numbers. */
export const NUMBERED_PLACE: RegExp = /^\d{1,15}$/;

/**
 * Where a broker keeps the messages that its workers gave up.
 *
 * `src/testing/cases/dead-letters.ts` checks each sentence against every driver.
 *
 * - `bury` MUST keep the message whole and end the delivery, so that it is never nowhere; it MUST return
 *   `false` and keep nothing when the lease is lost.
 * - A letter whose id is kept already MUST take its place, as the youngest.
 * - `read` MUST give every letter that stays there while it is read, page by page, the oldest first.
 *   It MUST refuse an `after` that cannot have come from a page.
 * - `remove` MUST remove the letter of an id, and say whether there was one.
 * - No more than `maxCount` letters MUST be kept: the oldest go first. `expire` MUST drop those older than
 *   `maxAgeMs`, at most 1,000 at a time, and say how many; without it they MUST go by themselves.
 */
export interface DeadLetterStore {
  /** Makes a delivery a dead letter. */
  bury(delivery: Delivery, death: Death): Promise<boolean>;
  /** Reads a page. */
  read(request: DeadLetterRequest): Promise<DeadLetterPage>;
  get(id: string): Promise<DeadLetter | null>;
  remove(id: string): Promise<boolean>;
  count(): Promise<number>;
  /** Drops what is too old, where that does not go by itself. */
  expire?(): Promise<number>;
}

/** A page ends with the message that exceeds this. */
export const MAX_PAGE_BYTES = 8_388_608;

/** One call of `expire` drops no more than this. */
export const MAX_EXPIRED = 1_000;

/**
 * Returns the place after which a page begins; `null` for the beginning.
 *
 * @throws {TidingsError} OPTION_INVALID when it is no place.
 */
export function toPlace({ after = "" }: DeadLetterRequest, form: RegExp): string | null {
  if (after === "") return null;
  if (form.test(after)) return after;
  throw invalidOption("after", "`next` of the list before", after);
}

/**
 * Checks bounds, and fills in the defaults.
 *
 * @throws {TidingsError} OPTION_INVALID when one is not a positive integer.
 */
export function toBounds({
  maxCount = 10_000,
  maxAgeMs = 2_592_000_000,
}: DeadLetterBounds = {}): Required<Readonly<Record<keyof DeadLetterBounds, number>>> {
  return {
    maxCount: assertPositiveInteger("maxCount", maxCount),
    maxAgeMs: assertPositiveInteger("maxAgeMs", maxAgeMs),
  };
}

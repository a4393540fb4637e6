import { invalidOption } from "../core/options.ts";

/** Which messages of a queue come first: a word that means the same everywhere, or a number of the broker's. */
export type Priority = PriorityWord | number;

/** What means the same on every broker. */
export type PriorityWord = "high" | "normal" | "low";

/** How far from the first number a word is. */
const DISTANCES: Readonly<Record<PriorityWord, number>> = { high: 0, normal: 5, low: 9 };

/** "1 to 255": what RabbitMQ can tell apart. */
const MAX_PRIORITY = 255;

/**
 * Returns the number that a message carries.
 *
 * "Redis: 0 is highest. RabbitMQ: 9 is highest": words are turned to fit, numbers stay as they are.
 */
export function toPriorityNumber(priority: Priority, first: 0 | 9 = 0): number {
  return typeof priority === "number" ? priority : Math.abs(first - DISTANCES[priority]);
}

/** Throws OPTION_INVALID unless it is a word or an integer of 0 to 255. */
export function assertPriority(name: string, priority: Priority): void {
  const isKnown =
    typeof priority === "number"
      ? Number.isInteger(priority) && priority >= 0 && priority <= MAX_PRIORITY
      : Object.hasOwn(DISTANCES, priority);
  if (!isKnown) throw invalidOption(name, "high, normal, low or an integer of 0 to 255", priority);
}

/** The steps of Celery's priorities on Redis, first to last. Other brokers of one machine have the same. */
export const PRIORITY_STEPS: readonly number[] = [0, 3, 6, 9];

/** "value floored to a step: 0–2→0, 3–5→3, 6–8→6, 9→9"; what is no number comes first. */
export function toPriorityStep(priority: unknown): number {
  if (typeof priority !== "number") return 0;
  return PRIORITY_STEPS.findLast((step) => step <= priority) ?? 0;
}

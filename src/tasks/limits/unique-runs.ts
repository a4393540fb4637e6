import { isRecord } from "../../core/is-record.ts";
import type { Delivery } from "../brokers/broker.ts";
import type { TaskMessage } from "../message/message.ts";
import { findLimits, type LimitPlaces } from "./find-limits.ts";
import type { LimitStore } from "./limit-store.ts";
import { UNIQUE_HEADER, type UniqueRule } from "./unique-options.ts";

/**
 * The keys of unique calls, as the worker sees them that runs those calls.
 *
 * Which key a call has is in its message. Only `while: "running"` concerns calls that others sent, too.
 */
export class UniqueRuns {
  readonly #limits: LimitStore | undefined;
  /** The keys of those that have one only while they run. */
  readonly #running = new Map<Delivery, string>();

  constructor(places: LimitPlaces) {
    this.#limits = findLimits(places);
  }

  /** Whether a later call has taken the place of a debounced one. */
  async isReplaced(delivery: Delivery, message: TaskMessage, rule: UniqueRule): Promise<boolean> {
    const key = keyOf(delivery);
    if (rule.mode !== "debounce" || key === null || message.retries > 0) return false;
    const holder = await this.#limits?.holder(key);
    return holder ? holder.id !== delivery.id : false;
  }

  /** Notes that a call starts to run. */
  async start(delivery: Delivery, message: TaskMessage, rule: UniqueRule): Promise<void> {
    const { id } = delivery;
    if (rule.mode === "running") {
      const claim = { ...rule.toUnique(message), id, firm: true };
      this.#running.set(delivery, claim.key);
      // There is no other: it has the only slot.
      await this.#limits?.replace(claim);
      return;
    }
    const key = keyOf(delivery);
    if (key === null) return;
    if (rule.mode === "both") {
      const { ttlMs } = rule.toUnique(message);
      await this.#limits?.keep({ key, id, ttlMs, firm: true });
    } else await this.#limits?.unclaim(key, id);
  }

  /** Whether a run has a key to give back. */
  concern(delivery: Delivery): boolean {
    return this.#running.has(delivery) || keyOf(delivery) !== null;
  }

  /** Gives back what a run has; what its task has only when that is over. */
  async end(delivery: Delivery, isOver: boolean): Promise<void> {
    const { id } = delivery;
    const key = this.#running.get(delivery) ?? (isOver ? keyOf(delivery) : null);
    this.#running.delete(delivery);
    if (key !== null) await this.#limits?.unclaim(key, id);
  }
}

function keyOf({ message: { headers } }: Delivery): string | null {
  const key = isRecord(headers) ? headers[UNIQUE_HEADER] : undefined;
  return typeof key === "string" ? key : null;
}

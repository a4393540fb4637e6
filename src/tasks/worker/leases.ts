import { ClockJumps } from "../../core/clock-jumps.ts";
import type { Broker, Delivery } from "../brokers/broker.ts";

/** How often a worker looks at leases: its own, and those of workers that died. */
const CHECK_MS = 1_000;

/** How to make {@link Leases}. */
export interface LeasesOptions {
  readonly leaseMs: number;
  /** The deliveries of which a worker holds the lease. */
  readonly held: () => readonly Delivery[];
  /** Another worker has it. */
  readonly onLost: (delivery: Delivery) => void;
}

/**
 * Keeps the leases of one worker, and ends those of dead ones.
 *
 * Renews all at once every third of `leaseMs`; when that fails, at every check. Renews before it
 * looks for expired ones: a process that was suspended must not take its own tasks away from itself
 * when nobody else wanted them. When the clock was set forth, or the machine has slept, it looks for
 * none for the time of a lease, so that others can renew theirs.
 */
export class Leases {
  readonly #broker: Broker;
  readonly #options: LeasesOptions;
  readonly #jumps = new ClockJumps();
  #renewedAt: number = Date.now();

  constructor(broker: Broker, options: LeasesOptions) {
    this.#broker = broker;
    this.#options = options;
  }

  /** How often `check` is to be called. */
  get intervalMs(): number {
    return Math.min(CHECK_MS, this.#renewAfterMs);
  }

  /** Renews what is due and reclaims what has expired. */
  async check(): Promise<void> {
    // The clock that leases are written in: it goes on while the machine sleeps. It may be set back.
    const now = Date.now();
    const elapsedMs = Math.abs(now - this.#renewedAt);
    // A timer may fire a little early: half an interval of slack keeps renewals on time.
    if (elapsedMs >= this.#renewAfterMs - this.intervalMs / 2) {
      await this.#renew();
      this.#renewedAt = now;
    }
    // By a clock that was set forth, the leases of all who live are over as well: they renew them now.
    if (!this.#jumps.happenedWithin(this.#options.leaseMs)) await this.#broker.reclaim();
  }

  get #renewAfterMs(): number {
    return this.#options.leaseMs / 3;
  }

  async #renew(): Promise<void> {
    const held = this.#options.held();
    if (held.length === 0) return;
    const lost = await this.#broker.renew(held, this.#options.leaseMs);
    for (const delivery of lost) this.#options.onLost(delivery);
  }
}

import { randomBytes } from "node:crypto";

import { ClockJumps } from "../../core/clock-jumps.ts";
import { steadyTime } from "../../core/steady-time.ts";
import type { Delivery } from "../brokers/broker.ts";
import type { TaskMessage } from "../message/message.ts";
import type { TaskRuntime } from "../task-runtime.ts";
import type { TaskDefinition } from "../task.ts";
import { findLimits } from "./find-limits.ts";
import { toRateRule, type LimitRule, type RateLimitOptions } from "./limit-options.ts";
import {
  LOOKS_PER_SECOND,
  type HeldSlot,
  type Limit,
  type LimitStore,
  type WaitingTask,
} from "./limit-store.ts";
import { MemoryLimits } from "./memory.ts";

/** How to make {@link RunLimits}. */
export interface RunLimitsOptions {
  /** How long slots hold unless they are renewed. */
  readonly leaseMs: number;
  /** Another may have the slot of this delivery. */
  readonly onLost: (delivery: Delivery) => void;
}

/** How long a task waits, and for which slot, if it is for one. */
export interface Wait {
  readonly waitMs: number;
  readonly slot: string | null;
}

/** How often a task runs since somebody has changed it. */
interface ChangedRate {
  readonly rate: string | RateLimitOptions;
  readonly rule: LimitRule;
}

/** What a run has. */
interface Held {
  readonly slots: readonly HeldSlot[];
  /** When the slots run out, as far as we know. */
  until: number;
}

/** Who waits looks again after this at the latest, and when nobody can be told that a slot is free. */
const LOOK_MS = 10_000;
const LOOK_BLINDLY_MS = 1_000;
/** Who waits for a worker's own rate soon looks again: another worker may have a turn for it. */
const LOOK_ELSEWHERE_MS = 100;
/** So many looks for each run, and so many in a second at most: enough for four more workers. */
const LOOKS_PER_RUN = 4;
const MAX_OWN_LOOKS = 200;

/**
 * The limits of the tasks that one worker runs.
 *
 * A task that may not run yet waits in the broker; whoever frees a slot has the next one come at once.
 * Slots are renewed at the first check after a quarter of `leaseMs`. When that fails for so long that others may have a slot, its
 * run is given up; so nobody's clock but the store's decides who runs.
 */
export class RunLimits {
  readonly #runtime: TaskRuntime;
  readonly #options: RunLimitsOptions;
  readonly #shared: LimitStore | undefined;
  /** Whose turn it is may have gone to another worker: it is not waited for as long. */
  readonly #own = new MemoryLimits({
    now: steadyTime,
    headStartMs: 20,
    looksPerSecond: toOwnLooks,
  });
  readonly #held = new Map<Delivery, Held>();
  /** Those that were changed. */
  readonly #rates = new Map<string, ChangedRate | null>();
  /** Unique to this worker, so that its holders are. */
  readonly #name = randomBytes(9).toString("base64url");
  #admissions = 0;
  readonly #jumps = new ClockJumps();
  #renewedAt: number = Date.now();

  constructor(runtime: TaskRuntime, options: RunLimitsOptions) {
    this.#runtime = runtime;
    this.#options = options;
    this.#shared = findLimits(runtime);
  }

  /** Changes how often this worker runs a task; `null` is as often as it can. */
  setRate(task: string, rate: string | RateLimitOptions | null): void {
    this.#rates.set(task, rate === null ? null : { rate, rule: toRateRule(task, rate) });
  }

  /** To what a rate was changed; `undefined` when it was not. */
  rateOf(task: string): string | RateLimitOptions | null | undefined {
    const changed = this.#rates.get(task);
    return changed && changed.rate;
  }

  /** Whether a task has limits at all. */
  concern({ limits }: Pick<TaskDefinition, "limits">): boolean {
    return limits.length > 0 || this.#rates.size > 0;
  }

  /** Lets a run begin, or says for how long it must wait. */
  async admit(
    delivery: Delivery,
    message: TaskMessage,
    rules: readonly LimitRule[],
  ): Promise<Wait | null> {
    const chosen = this.#chooseRules(message.task, rules);
    if (chosen.length === 0) return null;
    const toLimits = (scope: LimitRule["scope"]): readonly Limit[] =>
      chosen.filter((rule) => rule.scope === scope).map((rule) => rule.toLimit(message));
    const shared = toLimits("global");
    const own = toLimits("worker");
    return (
      (await this.#admitTo(this.#shared, delivery, shared)) ??
      (await this.#admitTo(this.#own, delivery, own))
    );
  }

  /** Has a task wait in the broker. */
  async putBack(delivery: Delivery, { waitMs, slot }: Wait): Promise<void> {
    const { broker } = this.#runtime;
    const now = broker.now?.() ?? Date.now();
    await this.leave(delivery);
    await broker.putBack(delivery, { dueAt: Math.ceil(now + waitMs) });
    // A slot may have become free while the message was on its way.
    if (slot !== null) await this.#call(await this.#shared?.wait(delivery, slot));
  }

  /** Gives back what a run has. Never rejects: what cannot be given back runs out. */
  async leave(delivery: Delivery): Promise<void> {
    const held = this.#held.get(delivery);
    if (!held) return;
    this.#held.delete(delivery);
    try {
      await this.#call(await this.#shared?.release(held.slots));
    } catch (error) {
      const fields = { err: error, id: delivery.id };
      this.#runtime.logger.warn(fields, "a slot could not be given back; it runs out");
    }
  }

  /** Whether a run has something to give back. */
  holds(delivery: Delivery): boolean {
    return this.#held.has(delivery);
  }

  /** Renews slots, and frees those of dead workers. To be called every second; never rejects. */
  async check(): Promise<void> {
    try {
      await this.#check(Date.now());
    } catch (error) {
      this.#runtime.logger.warn({ err: error }, "slots could not be renewed");
    }
  }

  async #check(now: number): Promise<void> {
    const { leaseMs } = this.#options;
    const hasJumped = this.#jumps.happenedWithin(leaseMs);
    try {
      if (this.#shared && this.#held.size > 0 && Math.abs(now - this.#renewedAt) >= leaseMs / 4) {
        this.#renewedAt = now;
        await this.#renew(this.#shared, now);
      }
    } finally {
      for (const [delivery, { until }] of this.#held) if (until <= now) this.#lose(delivery);
    }
    await this.#own.reclaim();
    // By a clock that was set forth, slots of others are free that they hold, and renew now.
    if (!this.#shared || hasJumped || !this.#hasSlots()) return;
    await this.#call(await this.#shared.reclaim());
  }

  #chooseRules(task: string, rules: readonly LimitRule[]): readonly LimitRule[] {
    const rate = this.#rates.get(task);
    if (rate === undefined) return rules;
    return [...rules.filter(({ kind }) => kind !== "rate"), ...(rate ? [rate.rule] : [])];
  }

  async #admitTo(
    store: LimitStore | undefined,
    delivery: Delivery,
    limits: readonly Limit[],
  ): Promise<Wait | null> {
    if (!store || limits.length === 0) return null;
    const { leaseMs } = this.#options;
    const { id, queue } = delivery;
    const holder = `${this.#name}.${this.#admissions++}`;
    const lookMs = this.#lookMs(store);
    const until = Date.now() + leaseMs;
    const refusal = await store.admit({ id, queue, holder, limits, leaseMs, lookMs });
    if (refusal) {
      const { limit, waitMs } = refusal;
      return { waitMs, slot: limit.kind === "slots" ? limit.key : null };
    }
    const slots = limits.filter(({ kind }) => kind === "slots").map(({ key }) => ({ key, holder }));
    if (slots.length > 0) this.#held.set(delivery, { slots, until });
    return null;
  }

  #lookMs(store: LimitStore): number {
    if (!this.#runtime.broker.hasten) return LOOK_BLINDLY_MS;
    return store === this.#own ? LOOK_ELSEWHERE_MS : LOOK_MS;
  }

  async #renew(store: LimitStore, now: number): Promise<void> {
    const { leaseMs } = this.#options;
    const all = [...this.#held];
    const lost = new Set(
      await store.renew(
        all.flatMap(([, { slots }]) => slots),
        leaseMs,
      ),
    );
    for (const [delivery, held] of all) {
      held.until = now + leaseMs;
      if (held.slots.some((slot) => lost.has(slot))) this.#lose(delivery);
    }
  }

  #lose(delivery: Delivery): void {
    this.#held.delete(delivery);
    this.#options.onLost(delivery);
  }

  #hasSlots(): boolean {
    for (const { limits } of this.#runtime.definitions.values()) {
      if (limits.some(({ kind }) => kind === "slots")) return true;
    }
    return false;
  }

  /** Has tasks come that wait in the broker. */
  async #call(tasks: readonly WaitingTask[] = []): Promise<void> {
    if (tasks.length > 0) await this.#runtime.broker.hasten?.(tasks);
  }
}

function toOwnLooks(limit: Limit): number {
  if (limit.kind === "slots") return LOOKS_PER_SECOND;
  const runsPerSecond = (limit.count * 1_000) / limit.perMs;
  return Math.min(Math.max(runsPerSecond * LOOKS_PER_RUN, LOOKS_PER_SECOND), MAX_OWN_LOOKS);
}

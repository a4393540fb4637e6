import {
  CALL_MORE,
  CALL_MS,
  FORGET_MS,
  HEAD_START_MS,
  LOOKS_PER_SECOND,
  MAX_LINE,
  type Claim,
  type Entrant,
  type HeldSlot,
  type KeyHolder,
  type Limit,
  type LimitStore,
  type Refusal,
  type WaitingTask,
} from "./limit-store.ts";
import { nextLook, rateTurn, slotTurn, type Turn } from "./turns.ts";

/** How to make {@link MemoryLimits}. */
export interface MemoryLimitsOptions {
  /** The time in milliseconds, for tests. @default Date.now */
  readonly now?: (() => number) | undefined;
  /** How long a turn of a rate is kept for who is next. @default 100 */
  readonly headStartMs?: number | undefined;
  /** How often those who wait for a limit look again, all together. @default 20 */
  readonly looksPerSecond?: ((limit: Limit) => number) | undefined;
}

/** A task that waits. */
interface Waiting extends WaitingTask {
  /** Numbers grow along a line. */
  readonly number: number;
}

/** What is known of one limit. */
interface LimitState {
  slots: number;
  nextAt: number;
  freedAt: number;
  /** Until when each of them has its slot. */
  readonly holders: Map<string, number>;
  /** Those who wait, by id, in their order. */
  readonly line: Map<string, Waiting>;
  lastNumber: number;
  /** When somebody asked last. */
  askedAt: number;
  /** When somebody was called last, if anybody was. */
  calledAt: number | undefined;
  /** Up to which number they have been called. */
  calledTo: number;
}

/**
 * Limits in this process's memory: those of one worker, or of tests.
 *
 * Survives: nothing. Bound: 10,000 waiting tasks for each key; what is no longer needed is forgotten
 * when slots are reclaimed.
 */
export class MemoryLimits implements LimitStore {
  readonly #now: () => number;
  readonly #headStartMs: number;
  readonly #looksPerSecond: (limit: Limit) => number;
  readonly #limits = new Map<string, LimitState>();
  readonly #claims = new Map<string, Claim & { readonly until: number }>();
  #lookAt = 0;

  constructor({
    now = Date.now,
    headStartMs = HEAD_START_MS,
    looksPerSecond = () => LOOKS_PER_SECOND,
  }: MemoryLimitsOptions = {}) {
    this.#now = now;
    this.#headStartMs = headStartMs;
    this.#looksPerSecond = looksPerSecond;
  }

  async admit(entrant: Entrant): Promise<Refusal | null> {
    const now = this.#now();
    const turns = entrant.limits.map((limit) => this.#turnOf(entrant, limit));
    const refusing = turns.findIndex(({ waitMs }) => waitMs !== 0);
    const refused = entrant.limits[refusing];
    if (refused) {
      return { limit: refused, waitMs: this.#refuse(entrant, refused, turns[refusing]?.waitMs) };
    }
    for (const [index, limit] of entrant.limits.entries()) {
      const state = this.#stateOf(limit.key);
      state.line.delete(entrant.id);
      const passedOver = [...state.line.values()].slice(0, turns[index]?.passedOver);
      // Of those who wait for a slot, whoever was not called does not know that it is free.
      for (const { id, number } of passedOver) {
        if (limit.kind === "rate" || number <= state.calledTo) state.line.delete(id);
      }
      if (limit.kind === "rate") state.nextAt = turns[index]?.nextAt ?? now;
      else state.holders.set(entrant.holder, now + entrant.leaseMs);
    }
    return null;
  }

  async wait(task: WaitingTask, key: string): Promise<readonly WaitingTask[]> {
    this.#join(task, key);
    const state = this.#stateOf(key);
    // Whoever called it meanwhile has not found it.
    const number = state.line.get(task.id)?.number ?? Infinity;
    state.calledTo = Math.min(state.calledTo, number - 1);
    return this.#callNext(state);
  }

  async renew(slots: readonly HeldSlot[], leaseMs: number): Promise<readonly HeldSlot[]> {
    const now = this.#now();
    return slots.filter(({ key, holder }) => {
      const holders = this.#limits.get(key)?.holders;
      if ((holders?.get(holder) ?? 0) <= now) return true;
      holders?.set(holder, now + leaseMs);
      return false;
    });
  }

  async release(slots: readonly HeldSlot[]): Promise<readonly WaitingTask[]> {
    return slots.flatMap(({ key, holder }) => {
      const state = this.#limits.get(key);
      if (!state) return [];
      if (state.holders.delete(holder)) state.freedAt = this.#now();
      return this.#callNext(state);
    });
  }

  async reclaim(): Promise<readonly WaitingTask[]> {
    const now = this.#now();
    const next: WaitingTask[] = [];
    for (const [key, state] of this.#limits) {
      if (this.#dropDead(state)) next.push(...this.#callNext(state));
      if ((state.calledAt ?? now) <= now - CALL_MS) next.push(...this.#callOthers(state));
      const { holders, line, nextAt, askedAt } = state;
      const isAwaited = line.size > 0 && now - askedAt < FORGET_MS;
      if (holders.size === 0 && nextAt <= now && !isAwaited) this.#limits.delete(key);
    }
    for (const [key, { until }] of this.#claims) if (until <= now) this.#claims.delete(key);
    return next;
  }

  async claim(claim: Claim): Promise<KeyHolder> {
    const found = this.#holderOf(claim.key);
    if (found && found.id !== claim.id) return found;
    this.#setClaim(claim);
    return { id: claim.id, firm: claim.firm };
  }

  async keep(claim: Claim): Promise<void> {
    if (this.#holderOf(claim.key)?.id === claim.id) this.#setClaim(claim);
  }

  async replace(claim: Claim): Promise<string | null> {
    const found = this.#holderOf(claim.key);
    this.#setClaim(claim);
    return found?.id ?? null;
  }

  async holder(key: string): Promise<KeyHolder | null> {
    return this.#holderOf(key);
  }

  async unclaim(key: string, id: string): Promise<void> {
    if (this.#claims.get(key)?.id === id) this.#claims.delete(key);
  }

  #holderOf(key: string): KeyHolder | null {
    const found = this.#claims.get(key);
    if (!found || found.until <= this.#now()) return null;
    return { id: found.id, firm: found.firm };
  }

  #setClaim(claim: Claim): void {
    this.#claims.set(claim.key, { ...claim, until: this.#now() + claim.ttlMs });
  }

  #stateOf(key: string): LimitState {
    const state = this.#limits.get(key) ?? {
      slots: 0,
      nextAt: 0,
      freedAt: 0,
      holders: new Map(),
      line: new Map(),
      lastNumber: 0,
      askedAt: 0,
      calledAt: undefined,
      calledTo: 0,
    };
    this.#limits.set(key, state);
    return state;
  }

  #turnOf({ id }: Entrant, limit: Limit): Turn {
    const now = this.#now();
    const state = this.#stateOf(limit.key);
    state.askedAt = now;
    const rank = rankOf(id, state.line);
    if (limit.kind === "rate") {
      const { nextAt } = state;
      const turn = rateTurn({ ...limit, nextAt, rank, now, headStartMs: this.#headStartMs });
      if (turn.waitMs !== 0) state.nextAt = turn.nextAt;
      return turn;
    }
    state.slots = limit.slots;
    this.#dropDead(state);
    const free = limit.slots - state.holders.size;
    return slotTurn({ free, freedAt: state.freedAt, rank, now });
  }

  /** Notes who waits for the limit that refused it; nobody keeps a place in two lines. */
  #refuse(entrant: Entrant, refusing: Limit, waitMs: number | null = null): number {
    const now = this.#now();
    for (const limit of entrant.limits) {
      if (limit === refusing) this.#join(entrant, limit.key);
      else this.#stateOf(limit.key).line.delete(entrant.id);
    }
    if (waitMs !== null && waitMs <= entrant.lookMs) return waitMs;
    const { at, next } = nextLook(
      this.#lookAt,
      now + entrant.lookMs,
      this.#looksPerSecond(refusing),
    );
    if (waitMs !== null && now + waitMs <= at) return waitMs;
    this.#lookAt = next;
    return Math.ceil(at - now);
  }

  #join({ id, queue }: WaitingTask, key: string): void {
    const state = this.#stateOf(key);
    if (state.line.size >= MAX_LINE || state.line.has(id)) return;
    state.line.set(id, { id, queue, number: ++state.lastNumber });
  }

  /** Frees slots that ran out; returns whether there were any. */
  #dropDead(state: LimitState): boolean {
    const now = this.#now();
    let found = false;
    for (const [holder, until] of state.holders) {
      if (until > now) continue;
      state.holders.delete(holder);
      state.freedAt = now;
      state.calledAt ??= now;
      found = true;
    }
    return found;
  }

  /** Whoever was called and has not come loses its place. */
  #callOthers(state: LimitState): readonly WaitingTask[] {
    if (state.holders.size < state.slots) {
      for (const { id, number } of state.line.values()) {
        if (number > state.calledTo) break;
        state.line.delete(id);
      }
    }
    return this.#callNext(state, CALL_MORE);
  }

  #callNext(state: LimitState, more = 0): readonly WaitingTask[] {
    const free = state.slots - state.holders.size;
    const next = free > 0 ? [...state.line.values()].slice(0, free + more) : [];
    state.calledAt = next.length > 0 ? this.#now() : undefined;
    state.calledTo = Math.max(state.calledTo, next.at(-1)?.number ?? 0);
    return next.map(({ id, queue }) => ({ id, queue }));
  }
}

/** How many wait before a task. */
function rankOf(id: string, line: ReadonlyMap<string, unknown>): number {
  if (!line.has(id)) return line.size;
  let rank = 0;
  for (const other of line.keys()) {
    if (other === id) break;
    rank++;
  }
  return rank;
}

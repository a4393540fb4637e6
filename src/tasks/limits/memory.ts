import {
  CALL_MORE,
  CALL_MS,
  FORGET_MS,
  MAX_LINE,
  type Claim,
  type Entrant,
  type HeldSlot,
  type KeyHolder,
  type Limit,
  type LimitStore,
  type WaitingTask,
} from "./limit-store.ts";
import { nextLook, rateTurn, slotTurn, type Turn } from "./turns.ts";

/** How to make {@link MemoryLimits}. */
export interface MemoryLimitsOptions {
  /** The time in milliseconds, for tests. @default Date.now */
  readonly now?: (() => number) | undefined;
}

/** Who has a slot, and until when. */
interface Holder {
  readonly holder: string;
  until: number;
}

/** What is known of one limit. */
interface LimitState {
  slots: number;
  nextAt: number;
  freedAt: number;
  readonly holders: Map<string, Holder>;
  /** The queues of those who wait, by id, in their order. */
  readonly line: Map<string, string>;
  /** When somebody asked last. */
  askedAt: number;
  /** Who may come in and has been told so: how many, and when. */
  called: { readonly at: number; readonly count: number } | undefined;
}

/**
 * Limits in this process's memory: those of one worker, or of tests.
 *
 * Survives: nothing. Bound: 10,000 waiting tasks for each key; what is no longer needed is forgotten
 * when slots are reclaimed.
 */
export class MemoryLimits implements LimitStore {
  readonly #now: () => number;
  readonly #limits = new Map<string, LimitState>();
  readonly #claims = new Map<string, Claim & { readonly until: number }>();
  #lookAt = 0;

  constructor({ now = Date.now }: MemoryLimitsOptions = {}) {
    this.#now = now;
  }

  async admit(entrant: Entrant): Promise<number | null> {
    const now = this.#now();
    const turns = entrant.limits.map((limit) => this.#turnOf(entrant, limit));
    const refusing = turns.findIndex(({ waitMs }) => waitMs !== 0);
    if (refusing !== -1) return this.#refuse(entrant, refusing, turns[refusing]?.waitMs ?? null);
    for (const [index, limit] of entrant.limits.entries()) {
      const state = this.#stateOf(limit.key);
      state.line.delete(entrant.id);
      dropFirst(state.line, turns[index]?.passedOver ?? 0);
      if (limit.kind === "rate") state.nextAt = turns[index]?.nextAt ?? now;
      else state.holders.set(entrant.id, { holder: entrant.holder, until: now + entrant.leaseMs });
    }
    return null;
  }

  async renew(slots: readonly HeldSlot[], leaseMs: number): Promise<readonly HeldSlot[]> {
    const now = this.#now();
    return slots.filter(({ key, id, holder }) => {
      const held = this.#limits.get(key)?.holders.get(id);
      if (held?.holder !== holder || held.until <= now) return true;
      held.until = now + leaseMs;
      return false;
    });
  }

  async release(slots: readonly HeldSlot[]): Promise<readonly WaitingTask[]> {
    return slots.flatMap(({ key, id, holder }) => {
      const state = this.#limits.get(key);
      if (!state) return [];
      if (state.holders.get(id)?.holder === holder) {
        state.holders.delete(id);
        state.freedAt = this.#now();
      }
      return this.#callNext(state);
    });
  }

  async reclaim(): Promise<readonly WaitingTask[]> {
    const now = this.#now();
    const next: WaitingTask[] = [];
    for (const [key, state] of this.#limits) {
      if (this.#dropDead(state)) next.push(...this.#callNext(state));
      if (state.called && state.called.at <= now - CALL_MS) next.push(...this.#callOthers(state));
      const { holders, line, nextAt, askedAt } = state;
      const isAwaited = line.size > 0 && now - askedAt < FORGET_MS;
      if (holders.size === 0 && nextAt <= now && !isAwaited) this.#limits.delete(key);
    }
    for (const [key, { until }] of this.#claims) if (until <= now) this.#claims.delete(key);
    return next;
  }

  async claim(claim: Claim): Promise<KeyHolder> {
    const found = await this.holder(claim.key);
    if (found && found.id !== claim.id) return found;
    this.#claims.set(claim.key, { ...claim, until: this.#now() + claim.ttlMs });
    return { id: claim.id, firm: claim.firm };
  }

  async replace(claim: Claim): Promise<string | null> {
    const found = await this.holder(claim.key);
    this.#claims.set(claim.key, { ...claim, until: this.#now() + claim.ttlMs });
    return found?.id ?? null;
  }

  async holder(key: string): Promise<KeyHolder | null> {
    const found = this.#claims.get(key);
    if (!found || found.until <= this.#now()) return null;
    return { id: found.id, firm: found.firm };
  }

  async unclaim(key: string, id: string): Promise<void> {
    if (this.#claims.get(key)?.id === id) this.#claims.delete(key);
  }

  #stateOf(key: string): LimitState {
    const state = this.#limits.get(key) ?? {
      slots: 0,
      nextAt: 0,
      freedAt: 0,
      holders: new Map(),
      line: new Map(),
      askedAt: 0,
      called: undefined,
    };
    this.#limits.set(key, state);
    return state;
  }

  #turnOf({ id }: Entrant, limit: Limit): Turn {
    const now = this.#now();
    const state = this.#stateOf(limit.key);
    state.askedAt = now;
    const rank = rankOf(id, state.line);
    if (limit.kind === "rate") return rateTurn({ ...limit, nextAt: state.nextAt, rank, now });
    state.slots = limit.slots;
    this.#dropDead(state);
    // Who asks again has its slot already.
    const free = state.holders.has(id) ? Infinity : limit.slots - state.holders.size;
    return slotTurn({ free, freedAt: state.freedAt, rank, now });
  }

  /** Notes who waits for the limit that refused it; nobody keeps a place in two lines. */
  #refuse({ id, queue, limits, lookMs }: Entrant, refusing: number, waitMs: number | null): number {
    const now = this.#now();
    for (const [index, { key }] of limits.entries()) {
      const { line } = this.#stateOf(key);
      if (index !== refusing) line.delete(id);
      else if (line.size < MAX_LINE) line.set(id, queue);
    }
    if (waitMs !== null && waitMs <= lookMs) return waitMs;
    const { at, next } = nextLook(this.#lookAt, now + lookMs);
    if (waitMs !== null && now + waitMs <= at) return waitMs;
    this.#lookAt = next;
    return Math.ceil(at - now);
  }

  /** Frees slots that ran out; returns whether there were any. */
  #dropDead(state: LimitState): boolean {
    const now = this.#now();
    let found = false;
    for (const [id, { until }] of state.holders) {
      if (until > now) continue;
      state.holders.delete(id);
      state.freedAt = now;
      found = true;
    }
    return found;
  }

  /** Whoever was called and has not come loses its place. */
  #callOthers(state: LimitState): readonly WaitingTask[] {
    if (state.holders.size < state.slots) dropFirst(state.line, state.called?.count ?? 0);
    return this.#callNext(state, CALL_MORE);
  }

  #callNext(state: LimitState, more = 0): readonly WaitingTask[] {
    const free = state.slots - state.holders.size;
    const next = free > 0 ? [...state.line].slice(0, free + more) : [];
    state.called = next.length > 0 ? { at: this.#now(), count: next.length } : undefined;
    return next.map(([id, queue]) => ({ id, queue }));
  }
}

function dropFirst(line: Map<string, string>, count: number): void {
  for (const id of [...line.keys()].slice(0, count)) line.delete(id);
}

/** How many wait before a task. */
function rankOf(id: string, line: ReadonlyMap<string, string>): number {
  if (!line.has(id)) return line.size;
  let rank = 0;
  for (const other of line.keys()) {
    if (other === id) break;
    rank++;
  }
  return rank;
}

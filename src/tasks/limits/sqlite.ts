import type { SQLOutputValue } from "node:sqlite";

import type { TaskDatabase } from "../database/task-database.ts";
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
  type Refusal,
  type WaitingTask,
} from "./limit-store.ts";
import { LIMIT_TABLES, prepareLimits, type LimitStatements } from "./sqlite-statements.ts";
import { nextLook, rateTurn, slotTurn, type Turn } from "./turns.ts";

/**
 * Limits in an SQLite file, which all workers and callers of one machine share.
 *
 * Each question is one transaction. Survives: the end of every process, and a loss of power. Bound: 10,000
 * waiting tasks for each key, and the disk; a key that nobody asks for is gone after an hour.
 */
export class SqliteLimits implements LimitStore {
  readonly #database: TaskDatabase;
  readonly #now: () => number;
  #prepared: LimitStatements | undefined;
  #preparedIn: unknown;
  #forgetAt = 0;

  /** @param now The time in milliseconds, for tests. */
  constructor(database: TaskDatabase, now: () => number = Date.now) {
    this.#database = database;
    this.#now = now;
  }

  admit(entrant: Entrant): Promise<Refusal | null> {
    return this.#database.run(() => {
      const turns = entrant.limits.map((limit) => this.#turnOf(entrant.id, limit));
      const refusing = turns.findIndex(({ waitMs }) => waitMs !== 0);
      const refused = entrant.limits[refusing];
      if (refused) {
        return { limit: refused, waitMs: this.#refuse(entrant, refused, turns[refusing]?.waitMs) };
      }
      for (const [index, limit] of entrant.limits.entries()) {
        const turn = turns[index];
        if (turn) this.#enter(entrant, limit, turn);
      }
      return null;
    });
  }

  wait({ id, queue }: WaitingTask, key: string): Promise<readonly WaitingTask[]> {
    return this.#database.run(() => {
      this.#ask.wait.run(key, id, queue, key, MAX_LINE);
      // Whoever called it meanwhile has not found it.
      this.#ask.uncall.run(key, id, key);
      return this.#callNext(key);
    });
  }

  async renew(slots: readonly HeldSlot[], leaseMs: number): Promise<readonly HeldSlot[]> {
    if (slots.length === 0) return [];
    return this.#database.run(() => {
      const now = this.#now();
      return slots.filter(
        ({ key, holder }) => this.#ask.renew.run(now + leaseMs, key, holder, now).changes === 0,
      );
    });
  }

  async release(slots: readonly HeldSlot[]): Promise<readonly WaitingTask[]> {
    if (slots.length === 0) return [];
    return this.#database.run(() =>
      slots.flatMap(({ key, holder }) => {
        const { changes } = this.#ask.release.run(key, holder);
        if (changes > 0) this.#ask.free.run(this.#now(), key);
        return this.#callNext(key);
      }),
    );
  }

  async reclaim(): Promise<readonly WaitingTask[]> {
    const now = this.#now();
    // Looking first costs microseconds and no lock.
    const dead = this.#listKeys("dead", now);
    const called = this.#listKeys("called", now - CALL_MS);
    if (dead.length === 0 && called.length === 0 && now < this.#forgetAt) return [];
    return this.#database.run(() => {
      this.#forget(now);
      const next: WaitingTask[] = [];
      for (const key of dead) {
        this.#dropDead(key);
        next.push(...this.#callNext(key));
      }
      for (const key of called) {
        const { free, calledTo } = this.#seats(key);
        // Whoever was called and has not come loses its place.
        if (free > 0) this.#ask.passOver.run(key, calledTo, MAX_LINE);
        next.push(...this.#callNext(key, CALL_MORE));
      }
      return next;
    });
  }

  claim({ key, id, ttlMs, firm }: Claim): Promise<KeyHolder> {
    return this.#database.run(() => {
      const now = this.#now();
      this.#ask.claim.run(key, id, Number(firm), now + ttlMs, now);
      return toHolder(this.#ask.holder.get(key, now)) ?? { id, firm };
    });
  }

  async keep({ key, id, ttlMs, firm }: Claim): Promise<void> {
    await this.#database.run(() => {
      const now = this.#now();
      this.#ask.keep.run(Number(firm), now + ttlMs, key, id, now);
    });
  }

  replace({ key, id, ttlMs, firm }: Claim): Promise<string | null> {
    return this.#database.run(() => {
      const now = this.#now();
      const previous = toHolder(this.#ask.holder.get(key, now));
      this.#ask.replace.run(key, id, Number(firm), now + ttlMs);
      return previous?.id ?? null;
    });
  }

  async holder(key: string): Promise<KeyHolder | null> {
    return toHolder(this.#database.read(() => this.#ask.holder.get(key, this.#now())));
  }

  async unclaim(key: string, id: string): Promise<void> {
    await this.#database.run(() => this.#ask.unclaim.run(key, id));
  }

  /** The tables are made when a limit is used for the first time in a file. */
  get #ask(): LimitStatements {
    const { connection } = this.#database;
    if (this.#prepared && connection === this.#preparedIn) return this.#prepared;
    for (const table of LIMIT_TABLES) this.#database.prepare(table).run();
    this.#prepared = prepareLimits(this.#database);
    this.#preparedIn = connection;
    return this.#prepared;
  }

  #turnOf(id: string, { key, ...limit }: Limit): Turn {
    const now = this.#now();
    this.#ask.meet.run(key, limit.kind === "slots" ? limit.slots : 0, now);
    const rank = toNumber(this.#ask.rank.get(key, key, id), "rank");
    if (limit.kind === "rate") {
      const nextAt = toNumber(this.#ask.state.get(key), "next_at");
      const turn = rateTurn({ ...limit, nextAt, rank, now });
      if (turn.waitMs !== 0 && turn.nextAt !== nextAt) this.#ask.advance.run(turn.nextAt, key);
      return turn;
    }
    this.#dropDead(key);
    const { free, freedAt } = this.#seats(key);
    return slotTurn({ free, freedAt, rank, now });
  }

  #enter({ id, holder, leaseMs }: Entrant, { kind, key }: Limit, turn: Turn): void {
    this.#ask.leave.run(key, id);
    if (turn.passedOver > 0) {
      // Of those who wait for a slot, whoever was not called does not know that it is free.
      const last = kind === "rate" ? Number.MAX_SAFE_INTEGER : this.#seats(key).calledTo;
      this.#ask.passOver.run(key, last, Math.min(turn.passedOver, MAX_LINE));
    }
    if (kind === "rate") this.#ask.advance.run(turn.nextAt, key);
    else this.#ask.hold.run(key, holder, this.#now() + leaseMs);
  }

  /** Notes who waits for the limit that refused it; nobody keeps a place in two lines. */
  #refuse(entrant: Entrant, refusing: Limit, waitMs: number | null = null): number {
    const { id, queue, lookMs } = entrant;
    const now = this.#now();
    for (const limit of entrant.limits) {
      if (limit === refusing) this.#ask.wait.run(limit.key, id, queue, limit.key, MAX_LINE);
      else this.#ask.leave.run(limit.key, id);
    }
    if (waitMs !== null && waitMs <= lookMs) return waitMs;
    const lookAt = toNumber(this.#ask.state.get(LOOKS), "next_at");
    const { at, next } = nextLook(lookAt, now + lookMs);
    if (waitMs !== null && now + waitMs <= at) return waitMs;
    this.#ask.meet.run(LOOKS, 0, now);
    this.#ask.advance.run(next, LOOKS);
    return Math.ceil(at - now);
  }

  #dropDead(key: string): void {
    const now = this.#now();
    if (this.#ask.dropDead.run(key, now).changes === 0) return;
    this.#ask.free.run(now, key);
    this.#ask.call.run(now, 0, key);
  }

  #listKeys(statement: "dead" | "called", before: number): readonly string[] {
    const rows = this.#database.read(() => this.#ask[statement].all(before));
    return rows.map((row) => String(row["key"]));
  }

  #seats(key: string): Seats {
    const state = this.#ask.state.get(key);
    const held = toNumber(this.#ask.count.get(key), "held");
    return {
      free: toNumber(state, "slots") - held,
      freedAt: toNumber(state, "freed_at"),
      calledTo: toNumber(state, "called_to"),
    };
  }

  #callNext(key: string, more = 0): readonly WaitingTask[] {
    const { free } = this.#seats(key);
    const rows = free > 0 ? this.#ask.next.all(key, free + more) : [];
    this.#ask.call.run(rows.length > 0 ? this.#now() : null, toNumber(rows.at(-1), "number"), key);
    return rows.map((row) => ({ id: String(row["id"]), queue: String(row["queue"]) }));
  }

  #forget(now: number): void {
    if (now < this.#forgetAt) return;
    this.#forgetAt = now + FORGET_MS / 10;
    this.#ask.forget.run(now - FORGET_MS, now);
    this.#ask.forgetLines.run();
    this.#ask.forgetClaims.run(now);
  }
}

/** The slots of a key. */
interface Seats {
  readonly free: number;
  readonly freedAt: number;
  /** Up to which number those who wait have been called. */
  readonly calledTo: number;
}

/** The row that keeps when the next of those who wait looks. */
const LOOKS = "";

type Row = Record<string, SQLOutputValue> | undefined;

function toNumber(row: Row, column: string): number {
  return Number(row?.[column] ?? 0);
}

function toHolder(row: Row): KeyHolder | null {
  return row ? { id: String(row["id"]), firm: row["firm"] === 1 } : null;
}

import type { DatabaseSync } from "node:sqlite";

import { TidingsError } from "../core/errors.ts";
import type { SharedTransaction } from "../core/shared-transaction.ts";
import { LastingStatement } from "./lasting-statement.ts";
import { isBusy, toStorageError } from "./storage-error.ts";

/** No more units than this are committed at once, so that no commit blocks the process for long. */
const MAX_UNITS_PER_COMMIT = 1_000;
/** How many units wait for a locked database before further ones are refused. */
const MAX_WAITING_UNITS = 10_000;
/** How soon a locked database is tried again. */
const LOCK_RETRY_MS = 10;

/** What one call of `run` asked for. */
interface Unit {
  /** Does the work, and keeps what it returns. */
  readonly work: () => void;
  /** Resolves the promise with what the last `work` returned. */
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** How to make a {@link GroupCommit}. */
export interface GroupCommitOptions {
  /** How long units wait for a locked database before they fail. @default 5_000 */
  readonly lockPatienceMs?: number | undefined;
  /** The units ran and are durable. */
  readonly onCommit: () => void;
  /** The units ran, but what they did is undone. */
  readonly onRollback: () => void;
}

/**
 * Commits everything that is asked for in one tick in one transaction.
 *
 * A commit waits for the disk; sharing it makes many writes as cheap as one. A promise resolves after
 * the commit that holds its unit. When a unit throws, all are undone and each runs again in a
 * transaction of its own, so that only the one that throws fails.
 *
 * States: idle (no unit) → scheduled (units, a commit comes in this tick) → idle; and
 * scheduled → waiting (the database is locked by another process, a timer tries again) → idle. When
 * more units waited than one commit takes, idle is scheduled again.
 */
export class GroupCommit implements SharedTransaction {
  readonly #path: string;
  readonly #connect: () => DatabaseSync;
  readonly #options: GroupCommitOptions;
  readonly #lockPatienceMs: number;
  readonly #begin: LastingStatement;
  readonly #commit: LastingStatement;
  #database: DatabaseSync;
  #units: Unit[] = [];
  #state: "idle" | "scheduled" | "waiting" = "idle";
  #lockedSince: number | undefined;

  /** `connect` returns the connection for the next transaction, or throws when there is none. */
  constructor(connect: () => DatabaseSync, path: string, options: GroupCommitOptions) {
    this.#connect = connect;
    this.#database = connect();
    this.#path = path;
    this.#options = options;
    this.#lockPatienceMs = options.lockPatienceMs ?? 5_000;
    this.#begin = new LastingStatement("BEGIN IMMEDIATE", () => this.#database);
    this.#commit = new LastingStatement("COMMIT", () => this.#database);
  }

  run<T>(work: () => T): Promise<T> {
    if (this.#units.length >= MAX_WAITING_UNITS) return Promise.reject(this.#tooManyWaiting());
    return new Promise<T>((resolve, reject) => {
      let done: { readonly value: T } | undefined;
      this.#units.push({
        work: () => {
          done = { value: work() };
        },
        resolve: () => {
          if (done) resolve(done.value);
        },
        reject,
      });
      if (this.#state === "idle") this.#schedule();
      else if (this.#state === "scheduled" && this.#units.length === MAX_UNITS_PER_COMMIT) {
        this.#flush();
      }
    });
  }

  /** Commits what has been asked for; what cannot be committed now fails with the error. */
  close(error: Error): void {
    while (this.#units.length > 0) {
      this.#flush();
      if (this.#state === "waiting") break;
    }
    this.#rejectAll(error);
  }

  #schedule(): void {
    this.#state = "scheduled";
    setImmediate(() => this.#flush());
  }

  /** Commits the units that have waited longest. */
  #flush(): void {
    this.#state = "idle";
    if (this.#units.length === 0) return;
    try {
      this.#beginTransaction();
    } catch (error) {
      this.#onNotBegun(error);
      return;
    }
    this.#lockedSince = undefined;
    const units = this.#units.splice(0, MAX_UNITS_PER_COMMIT);
    if (this.#units.length > 0) this.#schedule();
    this.#commitUnits(units);
  }

  #beginTransaction(): void {
    this.#database = this.#connect();
    // One that could not be undone when it failed.
    this.#rollBack();
    this.#begin.run();
  }

  /** SQLite itself rolls back after some errors, a full disk for one. */
  #rollBack(): void {
    if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
  }

  /** Runs units in the transaction that has begun. */
  #commitUnits(units: readonly Unit[]): void {
    try {
      for (const { work } of units) work();
      this.#commit.run();
    } catch (error) {
      this.#undo(units, error);
      return;
    }
    for (const { resolve } of units) resolve();
    this.#options.onCommit();
  }

  #undo(units: readonly Unit[], error: unknown): void {
    this.#options.onRollback();
    try {
      this.#rollBack();
    } catch (failure) {
      for (const { reject } of units) reject(toStorageError(failure, this.#path));
      return;
    }
    const [first] = units;
    if (units.length === 1 && first) {
      first.reject(toStorageError(error, this.#path));
      return;
    }
    for (const unit of units) this.#commitAlone(unit);
  }

  #commitAlone(unit: Unit): void {
    try {
      this.#beginTransaction();
    } catch (error) {
      unit.reject(toStorageError(error, this.#path));
      return;
    }
    this.#commitUnits([unit]);
  }

  #onNotBegun(error: unknown): void {
    const now = performance.now();
    this.#lockedSince ??= now;
    if (isBusy(error) && now - this.#lockedSince < this.#lockPatienceMs) {
      this.#state = "waiting";
      setTimeout(() => this.#flush(), LOCK_RETRY_MS);
      return;
    }
    this.#lockedSince = undefined;
    this.#rejectAll(toStorageError(error, this.#path));
  }

  #rejectAll(error: Error): void {
    for (const { reject } of this.#units.splice(0)) reject(error);
  }

  #tooManyWaiting(): TidingsError {
    return new TidingsError(
      "STORAGE_UNAVAILABLE",
      `the database ${this.#path} is locked, and ${MAX_WAITING_UNITS} changes wait for it already`,
    );
  }
}

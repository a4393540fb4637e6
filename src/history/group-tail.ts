import { setTimeout as sleep } from "node:timers/promises";

import { backoffMs } from "../core/backoff.ts";
import { toError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Position, ResetReason } from "../protocol/index.ts";
import type { GroupHistory, HistoryEntry, Recovery } from "./history.ts";

/** Somebody who follows a group. The calls are synchronous, and MUST NOT throw. */
export interface TailFollower {
  /** Told once: everything up to here has been delivered, what comes next follows it. */
  onStart(position: Position): void;
  /** What the group was sent: each entry once, in order, and none left out. */
  onEntry(entry: HistoryEntry): void;
  /** What comes from now on does not follow what came before; it follows `position`. */
  onReset(reason: ResetReason, position: Position): void;
}

/** How often something was missing from what the store told by itself. */
export interface TailCounts {
  /** Found in the store, and delivered in its place: nobody noticed. */
  gapsRepaired: number;
  /** Not to be found any more: everybody was told with a reset. */
  gapsNotRepaired: number;
}

/** What a {@link GroupTail} needs. */
export interface GroupTailOptions {
  readonly history: GroupHistory;
  readonly group: string;
  readonly counts: TailCounts;
  readonly logger?: Logger | undefined;
  /** How often to compare with the store. @default 30_000 */
  readonly verifyMs?: number | undefined;
  /** How long to go on when nobody follows. @default 10_000 */
  readonly lingerMs?: number | undefined;
  /** Called when it has stopped for good. */
  readonly onStop: () => void;
}

/** How many entries it remembers, for those who come back soon. */
const RECENT = 256;
/** How many entries that came while it repairs wait for that; the oldest are found in the store again. */
const MAX_HELD = 1_000;
/** How often somebody who comes asks the store, when the group is faster than the store. */
const MAX_ASKS = 5;

/**
 * One group's entries as they come, checked and put in order, for everybody in this process.
 *
 * | state     | what is true                                                | left when                    |
 * | --------- | ----------------------------------------------------------- | ---------------------------- |
 * | starting  | the group is being listened to, then its position asked for  | both are done, or one fails  |
 * | live      | each entry that comes follows the one before, and is delivered | one does not; the store was out of reach; it is time to compare |
 * | repairing | the store is asked what came since; what comes meanwhile waits | the store has answered       |
 * | stopped   | it delivers nothing, and cannot be followed                   | never                        |
 *
 * What the store still has is delivered in its place; what it has not is told as a reset. Bounds: 256
 * remembered entries, 1,000 that wait.
 */
export class GroupTail {
  readonly #options: GroupTailOptions;
  readonly #followers = new Map<TailFollower, { after: number }>();
  readonly #abort = new AbortController();
  readonly #started: Promise<void>;
  #state: "starting" | "live" | "repairing" | "stopped" = "starting";
  #position: Position = { epoch: "", offset: 0 };
  /** The entries that lead from `#recentFrom` to the position. */
  #recent: HistoryEntry[] = [];
  #recentFrom = 0;
  #held: HistoryEntry[] = [];
  #repair: Promise<void> | undefined;
  #isAskedAgain = false;
  #unlisten: (() => void) | undefined;
  #verify: NodeJS.Timeout | undefined;
  #linger: NodeJS.Timeout | undefined;
  #arrivals = 0;

  constructor(options: GroupTailOptions) {
    this.#options = options;
    this.#started = this.#start();
    this.#started.catch(() => this.stop()); // whoever follows is told
    this.#lingerIfAlone();
  }

  /**
   * Delivers what came after a position, then everything that comes.
   *
   * Without a position it begins with what comes next. When what came after it cannot be told any
   * more, `onReset` is called, and it begins there. Returns what ends it.
   *
   * @throws what the store throws when it is out of reach.
   */
  async follow(follower: TailFollower, from?: Position): Promise<() => void> {
    this.#arrivals += 1;
    this.#lingerIfAlone();
    try {
      await this.#started;
      const missed = from && (await this.#missed(from));
      // From here to the end nothing is awaited, so nothing can come in between.
      let position = this.#position;
      if (missed?.kind === "recovered") {
        for (const entry of missed.entries) follower.onEntry(entry);
        const isOfBefore = missed.position.epoch !== position.epoch;
        if (isOfBefore) follower.onReset("epoch-changed", position);
        else if (missed.position.offset > position.offset) ({ position } = missed);
      }
      if (missed?.kind === "reset") follower.onReset(missed.reason, position);
      follower.onStart(position);
      this.#followers.set(follower, { after: position.offset });
    } finally {
      this.#arrivals -= 1;
      this.#lingerIfAlone();
    }
    return () => {
      this.#followers.delete(follower);
      this.#lingerIfAlone();
    };
  }

  stop(): void {
    if (this.#state === "stopped") return;
    this.#state = "stopped";
    clearInterval(this.#verify);
    clearTimeout(this.#linger);
    this.#abort.abort();
    this.#unlisten?.();
    this.#followers.clear();
    this.#held = [];
    this.#options.onStop();
  }

  async #start(): Promise<void> {
    const { history, group, verifyMs = 30_000 } = this.#options;
    const unlisten = await history.listen(group, {
      onEntry: (entry) => this.#onEntry(entry),
      onGap: () => void this.#mend(),
    });
    if (this.#isStopped()) return unlisten();
    this.#unlisten = unlisten;
    const position = await history.position(group);
    if (this.#isStopped()) return;
    this.#moveTo(position);
    this.#state = "live";
    const held = this.#held.splice(0);
    for (const entry of held) this.#onEntry(entry);
    this.#verify = setInterval(() => void this.#mend(), verifyMs).unref();
  }

  #onEntry(entry: HistoryEntry): void {
    if (this.#state === "live" && this.#take(entry)) return;
    if (this.#state === "stopped") return;
    this.#held.push(entry);
    if (this.#held.length > MAX_HELD) this.#held.shift();
    if (this.#state === "live") void this.#mend();
  }

  /** Delivers an entry that follows, and passes over one that has been; `false` when one is missing. */
  #take(entry: HistoryEntry): boolean {
    const { epoch, offset } = entry.position;
    if (epoch !== this.#position.epoch || offset > this.#position.offset + 1) return false;
    if (offset === this.#position.offset + 1) this.#deliver(entry);
    return true;
  }

  #deliver(entry: HistoryEntry): void {
    this.#position = entry.position;
    this.#recent.push(entry);
    if (this.#recent.length > RECENT) {
      this.#recentFrom = this.#recent.shift()?.position.offset ?? this.#recentFrom;
    }
    const { offset } = entry.position;
    for (const [follower, { after }] of this.#followers) {
      if (offset > after) follower.onEntry(entry);
    }
  }

  /** Compares with the store until everything that came is accounted for. Never throws. */
  async #mend(): Promise<void> {
    // An answer that is under way may be older than the reason to ask.
    this.#isAskedAgain = true;
    if (this.#state !== "live") return await this.#repair;
    this.#state = "repairing";
    this.#repair = this.#mendHeld();
    await this.#repair;
    this.#repair = undefined;
    if (this.#state === "repairing") this.#state = "live";
  }

  async #mendHeld(): Promise<void> {
    do {
      const known = this.#held.length;
      this.#isAskedAgain = false;
      const recovery = await this.#ask();
      if (!recovery || this.#isStopped()) return;
      this.#apply(recovery);
      const held = this.#held.splice(0);
      // What the store knew when it was asked is in its answer, if it has it at all.
      this.#held = held.filter((entry, index) => !this.#take(entry) && index >= known);
    } while (this.#held.length > 0 || this.#isAskedAgain);
  }

  async #ask(): Promise<Recovery | undefined> {
    const { history, group, logger } = this.#options;
    const { signal } = this.#abort;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        return await history.since(group, this.#position);
      } catch (thrown) {
        if (attempt === 0) logger?.warn({ err: toError(thrown), group }, "history out of reach");
        const waitMs = backoffMs(attempt, { baseMs: 100, maxMs: 5_000 });
        await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      }
    }
    return undefined;
  }

  #apply(recovery: Recovery): void {
    const { counts, logger, group } = this.#options;
    if (recovery.kind === "recovered") {
      if (recovery.entries.length > 0) counts.gapsRepaired += 1;
      for (const entry of recovery.entries) this.#deliver(entry);
      this.#position = recovery.position;
      return;
    }
    counts.gapsNotRepaired += 1;
    const { reason, position } = recovery;
    logger?.warn({ group, reason }, "history cannot be continued; followers are told");
    this.#moveTo(position);
    for (const [follower, place] of this.#followers) {
      place.after = 0;
      follower.onReset(reason, position);
    }
  }

  #moveTo(position: Position): void {
    this.#position = position;
    this.#recent = [];
    this.#recentFrom = position.offset;
  }

  /** What came after a position, up to this tail's, or beyond it where the store is ahead. */
  async #missed(from: Position): Promise<Recovery> {
    const { history, group } = this.#options;
    const entries: HistoryEntry[] = [];
    let position = from;
    for (let asked = 0; asked < MAX_ASKS; asked++) {
      const recent = this.#recentSince(position);
      if (recent) {
        return { kind: "recovered", entries: [...entries, ...recent], position: this.#position };
      }
      const recovery = await history.since(group, position);
      // Whoever follows already is told of a new epoch before anybody begins with it.
      if (recovery.position.epoch !== this.#position.epoch) await this.#mend();
      if (recovery.kind === "reset") return recovery;
      entries.push(...recovery.entries);
      ({ position } = recovery);
      const isAhead = position.offset >= this.#position.offset;
      if (isAhead && position.epoch === this.#position.epoch) {
        return { kind: "recovered", entries, position };
      }
    }
    return { kind: "reset", reason: "too-far", position: this.#position };
  }

  #recentSince({ epoch, offset }: Position): readonly HistoryEntry[] | undefined {
    if (epoch !== this.#position.epoch) return undefined;
    if (offset < this.#recentFrom || offset > this.#position.offset) return undefined;
    return this.#recent.filter((entry) => entry.position.offset > offset);
  }

  #lingerIfAlone(): void {
    clearTimeout(this.#linger);
    if (this.#state === "stopped" || this.#arrivals > 0 || this.#followers.size > 0) return;
    this.#linger = setTimeout(() => this.stop(), this.#options.lingerMs ?? 10_000).unref();
  }

  #isStopped(): boolean {
    return this.#state === "stopped";
  }
}

import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { backoffMs } from "../core/backoff.ts";
import { TidingsError } from "../core/errors.ts";
import type { HistoryEntry, RecordedGroups, ResetReason, TailFollower } from "../history/index.ts";
import {
  formatGroupPositions,
  MAX_FOLLOWED_GROUPS,
  parseGroupPositions,
  type Position,
} from "../protocol/index.ts";

/** One of the groups that a connection follows with their history. */
export interface FollowedGroup {
  readonly group: string;
  /** What its name is in cursors. */
  readonly key: string;
  /** Where the connection's client is, when it has got what was sent to it. */
  told: Position | undefined;
  /** What the connection has taken, and may not have handled yet. */
  taken: Position | undefined;
  /** Ends following; while there is none, the connection has no room, or the group is being joined. */
  leave: (() => void) | undefined;
  isOver: boolean;
}

/** What {@link FollowedGroups} need of the connection. */
export interface FollowedGroupsOptions {
  readonly recorded: RecordedGroups;
  /** What the client has come back with. */
  readonly cursor: string | undefined;
  /** Takes an entry; `false` when there is no room, and then it comes again after {@link resume}. */
  readonly onEntry: (followed: FollowedGroup, entry: HistoryEntry) => boolean;
  /** Takes the news that what was missed cannot be told; as `onEntry`. */
  readonly onReset: (followed: FollowedGroup, reset: ResetReason, position: Position) => boolean;
}

/**
 * The groups that one connection follows with their history, and where it is in each.
 *
 * What finds no room is not dropped: the connection leaves the group, and goes on from where it was when
 * there is room again; the history is what waits. Bound: 32 groups.
 */
export class FollowedGroups {
  readonly #options: FollowedGroupsOptions;
  readonly #groups = new Map<string, FollowedGroup>();
  readonly #missed: Map<string, Position>;
  readonly #abort = new AbortController();
  /** Those that are being joined, or gone on with. */
  readonly #joining = new Set<FollowedGroup>();
  #positions: string | undefined;
  /** Whether the client does not know yet where it is. */
  isUntold = false;
  /** Whether there is a group of which it is not told, or was not, what came since its cursor. */
  hasGaps = false;

  constructor(options: FollowedGroupsOptions) {
    this.#options = options;
    this.#missed = new Map(parseGroupPositions(options.cursor ?? ""));
  }

  /** Where the client is in all groups, as a text; nothing before it is anywhere. */
  get positions(): string | undefined {
    this.#positions ??= this.#format();
    return this.#positions;
  }

  has(group: string | undefined): boolean {
    return group !== undefined && this.#groups.has(group);
  }

  /** Follows a group, from where the client's cursor is in it, or from now. */
  async add(group: string): Promise<void> {
    if (this.#groups.has(group) || this.#abort.signal.aborted) return;
    if (this.#groups.size >= MAX_FOLLOWED_GROUPS) {
      throw new TidingsError(
        "OPTION_INVALID",
        `a connection can be in at most ${MAX_FOLLOWED_GROUPS} groups with history`,
      );
    }
    const key = createHash("sha256").update(group).digest("base64url").slice(0, 6);
    const taken = this.#missed.get(key);
    this.hasGaps ||= !taken;
    this.#missed.delete(key);
    const followed = { group, key, told: taken, taken, leave: undefined, isOver: false };
    this.#groups.set(group, followed);
    this.isUntold = true;
    this.#joining.add(followed);
    try {
      await this.#follow(followed);
    } catch (thrown) {
      this.discard(group);
      throw thrown;
    } finally {
      this.#joining.delete(followed);
    }
  }

  discard(group: string): void {
    const followed = this.#groups.get(group);
    if (!followed) return;
    followed.isOver = true;
    followed.leave?.();
    this.#groups.delete(group);
    this.#positions = undefined;
    this.isUntold = true;
  }

  /** The client is told what led up to here. */
  tell(followed: FollowedGroup, position: Position): void {
    if (followed.isOver) return;
    followed.told = position;
    this.#positions = undefined;
  }

  /** There is room again. Never throws: a history out of reach is asked until it answers. */
  resume(): void {
    for (const followed of this.#groups.values()) {
      if (followed.leave || this.#joining.has(followed)) continue;
      this.#joining.add(followed);
      void this.#goOn(followed).finally(() => this.#joining.delete(followed));
    }
  }

  /** Leaves all groups. */
  release(): void {
    this.#abort.abort();
    for (const group of this.#groups.keys()) this.discard(group);
  }

  async #goOn(followed: FollowedGroup): Promise<void> {
    const { signal } = this.#abort;
    for (let attempt = 0; !followed.isOver; attempt++) {
      try {
        return await this.#follow(followed);
      } catch {
        // Who follows elsewhere has it logged; here it is only waited for.
        const waitMs = backoffMs(attempt, { baseMs: 100, maxMs: 5_000 });
        await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #follow(followed: FollowedGroup): Promise<void> {
    const { recorded, onEntry, onReset } = this.#options;
    let hasRoom = true;
    const take = (position: Position, isTaken: () => boolean): void => {
      if (followed.isOver || !hasRoom) return;
      hasRoom = isTaken();
      if (hasRoom) followed.taken = position;
      else this.#pause(followed);
    };
    const follower: TailFollower = {
      onStart: (position) => {
        if (hasRoom) followed.taken = position;
        // Nothing is on its way that would tell it.
        if (!followed.told) this.tell(followed, position);
      },
      onEntry: (entry) => take(entry.position, () => onEntry(followed, entry)),
      onReset: (reason, position) => {
        this.hasGaps = true;
        take(position, () => onReset(followed, reason, position));
      },
    };
    const leave = await recorded.follow(followed.group, follower, followed.taken);
    if (followed.isOver || !hasRoom) leave();
    else followed.leave = leave;
  }

  #pause(followed: FollowedGroup): void {
    followed.leave?.();
    followed.leave = undefined;
  }

  #format(): string | undefined {
    const positions: (readonly [string, Position])[] = [];
    for (const { key, told } of this.#groups.values()) if (told) positions.push([key, told]);
    return positions.length > 0 ? formatGroupPositions(positions) : undefined;
  }
}

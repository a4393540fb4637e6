import type { RedisArgument } from "../../redis/index.ts";
import type { QueueHost } from "./host.ts";
import type { Membership, Memberships } from "./memberships.ts";

/** How many members one command names. */
const BATCH = 500;

/** What {@link QueueGroups} need. */
export interface QueueGroupsOptions {
  readonly prefix: string;
  readonly groupExpiryMs: number;
  readonly memberships: Memberships;
  readonly hostOf: (group: string) => QueueHost;
}

/** The groups in Redis: sorted sets of channel names by the time of joining. */
export class QueueGroups {
  readonly #options: QueueGroupsOptions;

  constructor(options: QueueGroupsOptions) {
    this.#options = options;
  }

  keyOf(group: string): string {
    return `${this.#options.prefix}:group:${group}`;
  }

  async add(membership: Membership): Promise<void> {
    await this.#write(membership.group, [membership]);
    this.#options.memberships.add(membership);
  }

  async discard(group: string, channel: string): Promise<void> {
    this.#options.memberships.delete(group, channel);
    await this.#redisOf(group).command(["ZREM", this.keyOf(group), channel]);
  }

  /** Takes a channel out of all groups that this process has put it in. */
  async leave(channel: string): Promise<void> {
    const groups = this.#options.memberships.leave(channel);
    await Promise.all(
      groups.map((group) => this.#redisOf(group).command(["ZREM", this.keyOf(group), channel])),
    );
  }

  /** The members whose membership has not ended, in the order in which they joined. */
  async members(group: string, now: number): Promise<readonly string[]> {
    const key = this.keyOf(group);
    const ended = toSeconds(now - this.#options.groupExpiryMs);
    const [, members] = await this.#redisOf(group).transaction([
      ["ZREMRANGEBYSCORE", key, "-inf", ended],
      ["ZRANGE", key, "0", "-1"],
    ]);
    return Array.isArray(members) ? members.map(String) : [];
  }

  /** Writes memberships again, on all hosts or on one; those that have ended meanwhile are left out. */
  async write(memberships: readonly Membership[], host?: QueueHost): Promise<void> {
    const groups = Map.groupBy(memberships, ({ group }) => group);
    for (const [group, members] of groups) {
      if (host && this.#options.hostOf(group) !== host) continue;
      for (let index = 0; index < members.length; index += BATCH) {
        const alive = members
          .slice(index, index + BATCH)
          .filter((membership) => this.#options.memberships.has(membership));
        if (alive.length > 0) await this.#write(group, alive);
      }
    }
  }

  async #write(group: string, members: readonly Membership[]): Promise<void> {
    const key = this.keyOf(group);
    const expirySeconds = Math.max(1, Math.ceil(this.#options.groupExpiryMs / 1000));
    const scored = members.flatMap(({ since, channel }): RedisArgument[] => [
      toSeconds(since),
      channel,
    ]);
    await this.#redisOf(group).transaction([
      ["ZADD", key, ...scored],
      ["EXPIRE", key, String(expirySeconds)],
    ]);
  }

  #redisOf(group: string): QueueHost["redis"] {
    return this.#options.hostOf(group).redis;
  }
}

function toSeconds(milliseconds: number): string {
  return String(milliseconds / 1000);
}

/** One channel in one group, and when it joined or was renewed, in milliseconds. */
export interface Membership {
  readonly group: string;
  readonly channel: string;
  readonly since: number;
}

/**
 * The memberships that this process has made: what it renews, and makes again when Redis lost them.
 *
 * Bound: those of living connections, and what was joined within the last group expiry.
 */
export class Memberships {
  readonly #groupsOf = new Map<string, Map<string, number>>();

  add({ group, channel, since }: Membership): void {
    let groups = this.#groupsOf.get(channel);
    if (!groups) this.#groupsOf.set(channel, (groups = new Map()));
    groups.set(group, since);
  }

  delete(group: string, channel: string): void {
    const groups = this.#groupsOf.get(channel);
    if (groups?.delete(group) && groups.size === 0) this.#groupsOf.delete(channel);
  }

  has({ group, channel }: Membership): boolean {
    return this.#groupsOf.get(channel)?.has(group) ?? false;
  }

  /** Forgets a channel; returns the groups it was in. */
  leave(channel: string): readonly string[] {
    const groups = this.#groupsOf.get(channel);
    this.#groupsOf.delete(channel);
    return [...(groups?.keys() ?? [])];
  }

  /** Renews those of channels that are held, and returns them. */
  renew(isHeld: (channel: string) => boolean, now: number): readonly Membership[] {
    const renewed: Membership[] = [];
    for (const [channel, groups] of this.#groupsOf) {
      if (!isHeld(channel)) continue;
      for (const group of groups.keys()) {
        groups.set(group, now);
        renewed.push({ group, channel, since: now });
      }
    }
    return renewed;
  }

  /** Forgets those that are older. */
  expire(before: number): void {
    for (const { group, channel, since } of this.all()) {
      if (since <= before) this.delete(group, channel);
    }
  }

  all(): readonly Membership[] {
    return [...this.#groupsOf].flatMap(([channel, groups]) =>
      [...groups].map(([group, since]) => ({ group, channel, since })),
    );
  }

  clear(): void {
    this.#groupsOf.clear();
  }
}

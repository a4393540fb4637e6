import { TidingsError } from "../core/errors.ts";
import { steadyTime } from "../core/steady-time.ts";
import {
  MAX_LISTED,
  type Attendance,
  type Departure,
  type Entrance,
  type Member,
  type PresenceSession,
  type PresenceStore,
} from "./presence-store.ts";

/** Options of the {@link MemoryPresence}. */
export interface MemoryPresenceOptions {
  /** The time in milliseconds, for tests. @default one that nobody sets */
  readonly now?: (() => number) | undefined;
}

interface Attendee {
  member: Member;
  readonly sessions: Set<string>;
  /** When the grace of one who has no session left ends. */
  leavesAt: number;
}

/** Who is in which group of this process, which is the only one; so its lease never ends. */
export class MemoryPresence implements PresenceStore {
  readonly #now: () => number;
  readonly #groups = new Map<string, Map<string, Attendee>>();
  /** Those who have no session left. */
  readonly #leaving = new Set<readonly [group: string, key: string]>();
  #isClosed = false;

  constructor({ now = steadyTime }: MemoryPresenceOptions = {}) {
    this.#now = now;
  }

  async enter({ group, key, session }: PresenceSession, data: unknown): Promise<Entrance> {
    const members = this.#open(group);
    const known = members.get(key);
    const member = { key, data, since: known?.member.since ?? this.#now() };
    const isSame = known && JSON.stringify(known.member.data) === JSON.stringify(data);
    if (known) {
      known.member = member;
      known.leavesAt = Infinity;
      known.sessions.add(session);
    } else {
      members.set(key, { member, sessions: new Set([session]), leavesAt: Infinity });
      this.#groups.set(group, members);
    }
    const kind = known ? "updated" : "joined";
    return { kind: isSame ? null : kind, member, count: members.size };
  }

  async leave({ group, key, session }: PresenceSession, graceMs: number): Promise<void> {
    const attendee = this.#open(group).get(key);
    if (!attendee?.sessions.delete(session) || attendee.sessions.size > 0) return;
    attendee.leavesAt = this.#now() + graceMs;
    this.#leaving.add([group, key]);
  }

  async renew(): Promise<boolean> {
    this.#assertOpen();
    return true;
  }

  async sweep(): Promise<readonly Departure[]> {
    this.#assertOpen();
    const now = this.#now();
    const departures: Departure[] = [];
    for (const entry of this.#leaving) {
      const [group, key] = entry;
      const members = this.#groups.get(group);
      const attendee = members?.get(key);
      if (attendee && attendee.leavesAt > now && attendee.leavesAt < Infinity) continue;
      this.#leaving.delete(entry);
      // It has come back, or left by an earlier entry.
      if (!members || !attendee || attendee.leavesAt === Infinity) continue;
      members.delete(key);
      if (members.size === 0) this.#groups.delete(group);
      departures.push({ group, member: attendee.member, count: members.size });
    }
    return departures;
  }

  async read(group: string): Promise<Attendance> {
    const members = this.#open(group);
    if (members.size > MAX_LISTED) return { count: members.size, members: null };
    return { count: members.size, members: Array.from(members.values(), ({ member }) => member) };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#groups.clear();
    this.#leaving.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #open(group: string): Map<string, Attendee> {
    this.#assertOpen();
    return this.#groups.get(group) ?? new Map();
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new TidingsError("PRESENCE_CLOSED", "the presence is closed");
  }
}

import { randomUUID } from "node:crypto";

import { TidingsError } from "../core/errors.ts";
import type { Redis, RedisReply, RedisScript } from "../redis/index.ts";
import {
  MAX_LISTED,
  type Attendance,
  type Departure,
  type Entrance,
  type Member,
  type PresenceSession,
  type PresenceStore,
} from "./presence-store.ts";
import { ENTER, LEAVE, RENEW, SWEEP, SWEEP_SIZE } from "./redis-scripts.ts";

/** Options of the {@link RedisPresence}. */
export interface RedisPresenceOptions {
  /** What its keys start with. @default "tidings:presence:" */
  readonly prefix?: string | undefined;
}

/**
 * Who is in which group, for every process on a Redis 6 or later.
 *
 * Times are those of the clock of Redis. On a cluster all keys are on one node. When Redis has lost
 * what it had, those who are there come again at the next renewal. The Redis is closed together with this.
 */
export class RedisPresence implements PresenceStore {
  readonly #redis: Redis;
  readonly #prefix: string;
  /** This process, as others see it. */
  readonly #process = randomUUID();
  #isClosed = false;

  constructor(redis: Redis, { prefix = "tidings:presence:" }: RedisPresenceOptions = {}) {
    this.#redis = redis;
    this.#prefix = `{${prefix}}:`;
  }

  async enter(
    { group, key, session }: PresenceSession,
    data: unknown,
    leaseMs: number,
  ): Promise<Entrance> {
    const args = [this.#process, String(leaseMs), group, key, session, toJson(data)];
    const [news, since, count] = await this.#run(ENTER, args);
    const member = { key, data, since: Number(since) };
    const kind = Buffer.isBuffer(news) ? news.toString() : "";
    return {
      kind: kind === "joined" || kind === "updated" ? kind : null,
      member,
      count: Number(count),
    };
  }

  async leave({ group, key, session }: PresenceSession, graceMs: number): Promise<void> {
    await this.#run(LEAVE, [this.#process, String(graceMs), group, key, session]);
  }

  async renew(leaseMs: number): Promise<boolean> {
    const [wasHeld] = await this.#run(RENEW, [this.#process, String(leaseMs)]);
    return Number(wasHeld) === 1;
  }

  async sweep(graceMs: number): Promise<readonly Departure[]> {
    const reply = await this.#run(SWEEP, [String(graceMs), String(SWEEP_SIZE)]);
    const departures: Departure[] = [];
    for (let index = 0; index < reply.length; index += 4) {
      const [group, key, member, count] = reply.slice(index, index + 4).map(String);
      departures.push({
        group: group ?? "",
        member: toMember(key ?? "", member ?? "{}"),
        count: Number(count),
      });
    }
    return departures;
  }

  async read(group: string): Promise<Attendance> {
    this.#assertOpen();
    const key = `${this.#prefix}members:${group}`;
    const count = Number(await this.#redis.command(["HLEN", key]));
    if (count > MAX_LISTED) return { count, members: null };
    const reply = await this.#redis.command(["HGETALL", key]);
    const fields = Array.isArray(reply) ? reply.map(String) : [];
    const members: Member[] = [];
    for (let index = 0; index < fields.length; index += 2) {
      members.push(toMember(fields[index] ?? "", fields[index + 1] ?? "{}"));
    }
    members.sort((a, b) => a.since - b.since || (a.key < b.key ? -1 : 1));
    return { count: members.length, members };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#redis.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #run(script: RedisScript, args: readonly string[]): Promise<readonly RedisReply[]> {
    this.#assertOpen();
    const keys = [`${this.#prefix}processes`, `${this.#prefix}leaving`];
    const reply = await this.#redis.script(script, keys, [this.#prefix, ...args]);
    return Array.isArray(reply) ? reply : [reply];
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new TidingsError("PRESENCE_CLOSED", "the presence is closed");
  }
}

function toJson(data: unknown): string {
  return JSON.stringify(data) ?? "null";
}

function toMember(key: string, json: string): Member {
  const { since, data }: { readonly since: number; readonly data: unknown } = JSON.parse(json);
  return { key, data, since };
}

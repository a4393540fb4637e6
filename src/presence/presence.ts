import { userKey, type Connection } from "../channels/index.ts";
import { ClockJumps } from "../core/clock-jumps.ts";
import { TidingsError, toError } from "../core/errors.ts";
import { silentLogger, type Logger } from "../core/logger.ts";
import { assertDuration, assertPositiveInteger } from "../core/options.ts";
import { assertGroupName, type ChannelLayer } from "../layers/index.ts";
import {
  MAX_LISTED,
  type Attendance,
  type Departure,
  type Member,
  type PresenceSession,
  type PresenceStore,
} from "./presence-store.ts";

/** Somebody has joined a group, says something else there, or has left it. */
export interface PresenceChange {
  readonly kind: "joined" | "updated" | "left";
  readonly group: string;
  readonly member: Member;
  /** How many members the group has now. */
  readonly count: number;
}

/** A connection, as far as it matters here. */
export type TrackedConnection = Pick<Connection, "channelName" | "signal" | "user">;

/** How to make a {@link Presence}. */
export interface PresenceOptions {
  readonly store: PresenceStore;
  /** Tells every process of changes. */
  readonly layer: ChannelLayer;
  readonly logger?: Logger | undefined;
  /** How long somebody may be away and has never left, in milliseconds. @default 10_000 */
  readonly graceMs?: number | undefined;
  /** After so long without a sign of life, those of a process are gone. @default 15_000 */
  readonly leaseMs?: number | undefined;
  /** How often departures are looked for. @default 1_000 */
  readonly sweepMs?: number | undefined;
}

type Settings = {
  readonly [TName in keyof PresenceOptions]-?: NonNullable<PresenceOptions[TName]>;
};

/** What somebody may say of themselves, as JSON: it goes to everybody in the group. */
const MAX_DATA_BYTES = 8_192;
/** How many sweeps follow each other at once when there is much to do. */
const MAX_SWEEPS = 50;

/**
 * Who is in which group, across processes.
 *
 * Somebody is there while one of their sessions is, in whatever process, and `graceMs` longer: a blink
 * makes no noise. Each change is told to the listeners of one process, once for all of
 * them, and to the layer's group `presence.<group>` as `presence.changed`; `presence.listed`
 * follows when a large group has become small enough to say who is in it. When a process dies, those who
 * were there through it alone leave after `leaseMs` and `graceMs`.
 *
 * Delivery: a change whose process dies before it has told it is told nobody; who is there is right all the same.
 */
export class Presence {
  readonly #options: Settings;
  readonly #listeners = new Set<(change: PresenceChange) => void>();
  /** The sessions of this process. */
  readonly #sessions = new Map<
    string,
    { readonly session: PresenceSession; readonly data: unknown }
  >();
  #timers: readonly NodeJS.Timeout[] = [];
  readonly #jumps = new ClockJumps();
  #isSweeping = false;

  constructor({
    store,
    layer,
    logger = silentLogger,
    graceMs = 10_000,
    leaseMs = 15_000,
    sweepMs = 1_000,
  }: PresenceOptions) {
    assertDuration("graceMs", graceMs);
    assertPositiveInteger("leaseMs", leaseMs);
    assertPositiveInteger("sweepMs", sweepMs);
    this.#options = { store, layer, logger, graceMs, leaseMs, sweepMs };
  }

  /**
   * Says that a connection's user is in a group, until the connection ends. Again, it changes the data.
   *
   * A connection without a user is a member of its own. The data is any JSON, for everybody in the group.
   *
   * @throws what {@link enter} throws.
   */
  async track(connection: TrackedConnection, group: string, data?: unknown): Promise<void> {
    const session = toSession(connection, group);
    if (connection.signal.aborted) return;
    if (!this.#sessions.has(toText(session))) {
      const onEnd = (): void => void this.#onEnd(session);
      connection.signal.addEventListener("abort", onEnd, { once: true });
    }
    await this.enter(session, data);
    // It may have ended while it entered.
    if (connection.signal.aborted) await this.leave(session);
  }

  /** Says that a connection has left a group, which is told within a second: nobody who leaves comes back. */
  async untrack(connection: TrackedConnection, group: string): Promise<void> {
    await this.leave(toSession(connection, group), 0);
  }

  /**
   * Says that a session is there. Again, it changes the data.
   *
   * @throws {TidingsError} LAYER_INVALID_NAME for the name of the group; it has at most 90 characters.
   *   MESSAGE_TOO_LARGE for data of more than 8,192 bytes of JSON.
   */
  async enter(session: PresenceSession, data: unknown = null): Promise<void> {
    assertGroupName(session.group);
    assertGroupName(toPresenceGroup(session.group));
    assertDataSize(data);
    this.#sessions.set(toText(session), { session, data });
    this.#start();
    await this.#enter(session, data);
  }

  /** Says that a session has gone; who has no other is there for `graceMs` more. */
  async leave(session: PresenceSession, graceMs: number = this.#options.graceMs): Promise<void> {
    if (!this.#sessions.delete(toText(session))) return;
    await this.#options.store.leave(session, graceMs);
  }

  /** Who is in a group now. */
  async read(group: string): Promise<Attendance> {
    return await this.#options.store.read(group);
  }

  /** Calls back when somebody joins any group, says something else there, or leaves; of all processes, one is called. */
  onChange(listener: (change: PresenceChange) => void): () => void {
    this.#listeners.add(listener);
    // Whoever listens may be the only one who looks.
    this.#start();
    return () => void this.#listeners.delete(listener);
  }

  /** The sessions of this process leave; who is elsewhere too stays. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    const { store, graceMs } = this.#options;
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    await Promise.allSettled(sessions.map(({ session }) => store.leave(session, graceMs)));
    await store.close();
  }

  /** A store that cannot be reached now ends the session with the lease of this process, or with its next sweep. */
  async #onEnd(session: PresenceSession): Promise<void> {
    try {
      await this.leave(session);
    } catch (thrown) {
      this.#options.logger.warn(
        { err: toError(thrown) },
        "a session of presence could not be ended",
      );
    }
  }

  #start(): void {
    if (this.#timers.length > 0) return;
    const { leaseMs, sweepMs } = this.#options;
    this.#timers = [
      setInterval(() => void this.#renew(), leaseMs / 3).unref(),
      setInterval(() => void this.#sweep(), sweepMs).unref(),
    ];
  }

  async #enter(session: PresenceSession, data: unknown): Promise<void> {
    const { store, leaseMs } = this.#options;
    const { kind, member, count } = await store.enter(session, data, leaseMs);
    if (kind) await this.#tell({ kind, group: session.group, member, count });
  }

  /** After a lapse all sessions of this process enter anew. Never rejects. */
  async #renew(): Promise<void> {
    if (this.#sessions.size === 0) return;
    try {
      if (await this.#options.store.renew(this.#options.leaseMs)) return;
      for (const { session, data } of this.#sessions.values()) await this.#enter(session, data);
    } catch (thrown) {
      this.#options.logger.warn({ err: toError(thrown) }, "presence could not be renewed");
    }
  }

  /** Never rejects. */
  async #sweep(): Promise<void> {
    const { store, graceMs, leaseMs, logger } = this.#options;
    // By a clock that was set forth, everybody's lease is over who has not renewed it since.
    if (this.#isSweeping || this.#jumps.happenedWithin(leaseMs)) return;
    this.#isSweeping = true;
    try {
      for (let sweeps = 0; sweeps < MAX_SWEEPS; sweeps++) {
        const departures = await store.sweep(graceMs);
        if (departures.length === 0) break;
        for (const departure of departures) await this.#tellLeft(departure);
      }
    } catch (thrown) {
      logger.warn({ err: toError(thrown) }, "who has left could not be found out");
    }
    this.#isSweeping = false;
  }

  async #tellLeft({ group, member, count }: Departure): Promise<void> {
    await this.#tell({ kind: "left", group, member, count });
  }

  async #tell(change: PresenceChange): Promise<void> {
    const { layer, logger } = this.#options;
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (thrown) {
        logger.error({ err: toError(thrown) }, "a listener of presence failed");
      }
    }
    const { kind, group, member, count } = change;
    const message = { type: "presence.changed", kind, count, member: JSON.stringify(member) };
    await layer.groupSend(toPresenceGroup(group), message);
    if (kind === "left" && count === MAX_LISTED) {
      await layer.groupSend(toPresenceGroup(group), { type: "presence.listed" });
    }
  }
}

function toSession({ channelName, user }: TrackedConnection, group: string): PresenceSession {
  return { group, key: user ? userKey(user) : `channel:${channelName}`, session: channelName };
}

function assertDataSize(data: unknown): void {
  const bytes = Buffer.byteLength(JSON.stringify(data) ?? "null");
  if (bytes <= MAX_DATA_BYTES) return;
  throw new TidingsError(
    "MESSAGE_TOO_LARGE",
    `expected data of at most ${MAX_DATA_BYTES} bytes of JSON, got ${bytes}`,
  );
}

/** The layer's group that is told of changes in a group. */
export function toPresenceGroup(group: string): string {
  return `presence.${group}`;
}

function toText({ group, key, session }: PresenceSession): string {
  return JSON.stringify([group, key, session]);
}

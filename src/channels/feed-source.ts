import { isTidingsError, toError, TidingsError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { RecordedGroups } from "../history/index.ts";
import type { ChannelLayer } from "../layers/index.ts";
import type { FeedEvent } from "../protocol/index.ts";
import { FeedTail } from "./feed-tail.ts";
import type { FeedDefinition } from "./feed.ts";
import type { Params } from "./path.ts";

/** Somebody who follows a feed. The calls are synchronous, in order, and MUST NOT throw. */
export interface Follower {
  /** An event. Every follower is handed the same object, so that it is encoded once. */
  deliver(event: FeedEvent): void;
  /** The feed has ended (no error), or has broken off and may be asked for again. */
  end(error?: Error): void;
}

/** What a poll gets: the events since its cursor, and where it is now. */
export interface FeedPage {
  readonly cursor: string;
  readonly events: readonly FeedEvent[];
  readonly end: boolean;
}

/** What a source needs of the process that it runs in. */
export interface FeedSourceOptions {
  readonly definition: FeedDefinition;
  readonly params: Params;
  readonly layer: ChannelLayer;
  /** The groups of the layer with their history, for a feed that goes on from it. */
  readonly recorded?: RecordedGroups | undefined;
  readonly logger: Logger;
  /** How long to go on when nobody follows, for those who poll. @default 30_000 */
  readonly lingerMs?: number | undefined;
  /** Called when the source has stopped for good and may be forgotten. */
  readonly onStop: () => void;
}

/** For those who poll: the feed goes on this long after the last of them. */
const LINGER_MS = 30_000;
/** A generator that has just started gets this long for a first event, before a poll goes without. */
const FIRST_EVENT_MS = 2_000;

/**
 * One feed with one set of parameters, running once for everybody in this process who follows it.
 *
 * | state    | what is true                                                | left when                    |
 * | -------- | ----------------------------------------------------------- | ---------------------------- |
 * | starting | the group is being joined, then the snapshot loaded         | that is done, or fails       |
 * | live     | what its {@link FeedTail} brings is delivered               | nobody follows for `lingerMs` |
 * | ended    | the generator has returned; the tail still answers          | nobody asks for `lingerMs`   |
 * | stopped  | left the group, forgot everything; cannot be followed again | never                        |
 *
 * An error of the snapshot or the generator stops the source: followers are cut off, and start a new
 * one when they come back.
 */
export class FeedSource {
  readonly #options: FeedSourceOptions;
  readonly #tail: FeedTail;
  /** Those who follow, and up to which offset they have seen everything elsewhere. */
  readonly #followers = new Map<Follower, number>();
  readonly #abort = new AbortController();
  readonly #started: Promise<void>;
  #state: "starting" | "live" | "ended" | "stopped" = "starting";
  #linger: NodeJS.Timeout | undefined;
  /** Those who wait in `follow` for what they have missed. */
  #arrivals = 0;

  constructor(options: FeedSourceOptions) {
    this.#options = options;
    this.#tail = new FeedTail({
      ...options,
      signal: this.#abort.signal,
      followers: {
        onEvent: (event, offset) => this.#deliver(event, offset),
        onRestart: () => this.#forgetSeen(),
        onError: (thrown) => this.#fail(thrown),
        areThere: () => this.#followers.size > 0,
      },
    });
    this.#started = this.#start();
    this.#started.catch(() => {}); // whoever follows awaits it; without anybody it is logged
    this.#lingerIfAlone();
  }

  /**
   * Delivers what the follower has missed, then everything that comes, until the returned function
   * is called.
   *
   * @throws {TidingsError} FEED_FAILED when the snapshot cannot be loaded, or the source has stopped.
   */
  async follow(follower: Follower, cursor?: string): Promise<() => void> {
    this.#arrivals += 1;
    this.#lingerIfAlone();
    try {
      await this.#started;
      await this.#tail.goOn(cursor, (missed, seen) => this.#welcome(follower, missed, seen));
    } catch (thrown) {
      throw this.#fail(thrown);
    } finally {
      this.#arrivals -= 1;
      this.#lingerIfAlone();
    }
    return () => {
      this.#followers.delete(follower);
      this.#lingerIfAlone();
    };
  }

  /** How long somebody waits who polls: a generator that has just started gets a moment for a first event. */
  patienceMs(cursor: string | undefined, waitMs: number): number {
    return cursor === undefined && this.#tail.offset === 0 ? FIRST_EVENT_MS : waitMs;
  }

  /** What somebody is answered who has polled with a cursor, and has been delivered these events. */
  pageSince(cursor: string | undefined, events: readonly FeedEvent[]): FeedPage {
    const told = events.at(-1)?.cursor ?? cursor;
    return { cursor: this.#tail.cursorAfter(told), events, end: this.#state === "ended" };
  }

  /** Stops at once; followers are told that the feed has broken off. */
  stop(error?: Error): void {
    if (this.#state === "stopped") return;
    this.#state = "stopped";
    clearTimeout(this.#linger);
    this.#abort.abort();
    this.#tail.stop();
    for (const follower of this.#followers.keys()) follower.end(error);
    this.#followers.clear();
    this.#options.onStop();
  }

  async #start(): Promise<void> {
    try {
      await this.#tail.start();
      this.#tail.assertRunning(); // it may have been stopped as that ended
      this.#state = "live";
      const { definition, params } = this.#options;
      const { signal } = this.#abort;
      if (definition.events) void this.#run(definition.events({ params, signal }));
    } catch (thrown) {
      throw this.#fail(thrown);
    }
  }

  async #run(events: AsyncIterable<{ readonly data: unknown }>): Promise<void> {
    try {
      for await (const { data } of events) {
        if (this.#state !== "live") return;
        this.#tail.tellState(data);
      }
      if (this.#state !== "live") return;
      this.#state = "ended";
      for (const follower of this.#followers.keys()) follower.end();
      this.#followers.clear();
      this.#lingerIfAlone();
    } catch (thrown) {
      if (!this.#abort.signal.aborted) this.#fail(thrown);
    }
  }

  /** Delivers what a follower has missed, and has it follow. */
  #welcome(follower: Follower, missed: readonly FeedEvent[], seen: number): void {
    for (const event of missed) follower.deliver(event);
    if (this.#state === "ended") follower.end();
    else this.#followers.set(follower, seen);
  }

  #deliver(event: FeedEvent, offset: number): void {
    for (const [follower, seen] of this.#followers) if (offset > seen) follower.deliver(event);
  }

  /** What they have seen elsewhere was of a history that is gone. */
  #forgetSeen(): void {
    for (const follower of this.#followers.keys()) this.#followers.set(follower, 0);
  }

  /** Stops because of an error, which is logged here and nowhere else. */
  #fail(thrown: unknown): TidingsError {
    if (isTidingsError(thrown, "FEED_FAILED")) return thrown;
    const { definition, logger } = this.#options;
    const { path } = definition.path;
    const cause = toError(thrown);
    logger.error({ err: cause, feed: path }, "feed failed; its followers are cut off");
    const error = new TidingsError("FEED_FAILED", `feed \`${path}\` failed`, { cause });
    this.stop(error);
    return error;
  }

  /** Whether nobody follows, nor is about to. */
  get isAlone(): boolean {
    return this.#arrivals === 0 && this.#followers.size === 0;
  }

  /** Stops after a while without followers; whoever comes before that takes it back. */
  #lingerIfAlone(): void {
    clearTimeout(this.#linger);
    if (this.#state === "stopped" || !this.isAlone) return;
    this.#linger = setTimeout(() => this.stop(), this.#options.lingerMs ?? LINGER_MS).unref();
  }
}

import { isTidingsError, toError, TidingsError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { ChannelLayer, LayerMessage } from "../layers/index.ts";
import type { FeedEvent } from "../protocol/index.ts";
import { FeedLog } from "./feed-log.ts";
import type { FeedDefinition } from "./feed.ts";
import { toJsonValue } from "./json-value.ts";
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

/** How long a poll may wait, and what ends its waiting. */
export interface ReadOptions {
  /** How long to wait when nothing has come yet. @default 0 */
  readonly waitMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a source needs of the process that it runs in. */
export interface FeedSourceOptions {
  readonly definition: FeedDefinition;
  readonly params: Params;
  readonly layer: ChannelLayer;
  readonly logger: Logger;
  /** How long to go on when nobody follows, for those who poll. @default 30_000 */
  readonly lingerMs?: number | undefined;
  /** Called when the source has stopped for good and may be forgotten. */
  readonly onStop: () => void;
}

/** A generator that has just started gets this long for a first event, before a poll goes without. */
const FIRST_EVENT_MS = 2_000;

/**
 * One feed with one set of parameters, running once for everybody in this process who follows it.
 *
 * | state    | what is true                                                | left when                    |
 * | -------- | ----------------------------------------------------------- | ---------------------------- |
 * | starting | the group is being joined, then the snapshot loaded         | that is done, or fails       |
 * | live     | messages and events are appended to the log and delivered   | nobody follows for `lingerMs` |
 * | ended    | the generator has returned; the log still answers           | nobody asks for `lingerMs`   |
 * | stopped  | left the group, forgot everything; cannot be followed again | never                        |
 *
 * An error of the snapshot or the generator stops the source: followers are cut off, and start a new
 * one when they come back.
 */
export class FeedSource {
  readonly #options: FeedSourceOptions;
  readonly #log: FeedLog;
  readonly #followers = new Set<Follower>();
  readonly #abort = new AbortController();
  readonly #started: Promise<void>;
  #state: "starting" | "live" | "ended" | "stopped" = "starting";
  #unlisten: (() => void) | undefined;
  #linger: NodeJS.Timeout | undefined;
  /** The load under way, and whether a change since it began asks for another. */
  #loading: Promise<void> | undefined;
  #isStale = false;

  constructor(options: FeedSourceOptions) {
    this.#options = options;
    this.#log = new FeedLog(options.definition.keep);
    this.#started = this.#start();
    this.#started.catch(() => {}); // whoever follows awaits it; without anybody it is logged
  }

  /**
   * Delivers what the follower has missed, then everything that comes, until the returned function
   * is called.
   *
   * @throws {TidingsError} FEED_FAILED when the snapshot cannot be loaded.
   */
  async follow(follower: Follower, cursor?: string): Promise<() => void> {
    this.#stay();
    const missed = await this.#missed(cursor);
    // From here to the end nothing is awaited, so nothing can come in between.
    for (const event of missed) follower.deliver(event);
    if (this.#state !== "live") {
      follower.end();
      this.#leave(follower);
      return () => {};
    }
    this.#stay();
    this.#followers.add(follower);
    return () => this.#leave(follower);
  }

  /** Returns what came since a cursor; without one, the state now. */
  async read(cursor?: string, { waitMs = 0, signal }: ReadOptions = {}): Promise<FeedPage> {
    const isFirst = cursor === undefined && this.#log.offset === 0;
    const events: FeedEvent[] = [];
    const { promise: arrived, resolve } = Promise.withResolvers<void>();
    const leave = await this.follow(
      {
        deliver(event) {
          events.push(event);
          setImmediate(resolve); // what else this tick brings belongs to the same answer
        },
        end: () => resolve(),
      },
      cursor,
    );
    if (events.length === 0) await wait(arrived, isFirst ? FIRST_EVENT_MS : waitMs, signal);
    leave();
    return { cursor: this.#log.cursor, events, end: this.#state === "ended" };
  }

  /** Stops at once; followers are told that the feed has broken off. */
  stop(error?: Error): void {
    if (this.#state === "stopped") return;
    this.#state = "stopped";
    clearTimeout(this.#linger);
    this.#abort.abort();
    this.#unlisten?.();
    for (const follower of this.#followers) follower.end(error);
    this.#followers.clear();
    this.#options.onStop();
  }

  async #start(): Promise<void> {
    try {
      const { definition, params, layer } = this.#options;
      if (definition.group) {
        const channel = await layer.newChannel("feed");
        this.#unlisten = layer.listen(channel, (message) => this.#onMessage(message));
        await layer.groupAdd(definition.group(params), channel);
      }
      // Position first, then load: what comes while the snapshot loads is in the log behind it.
      await this.#load((data, offset) => this.#log.setState(data, offset));
      if (this.#state === "starting") this.#state = "live";
      if (definition.events) void this.#run(definition.events(this.#context()));
    } catch (thrown) {
      throw this.#fail(thrown);
    }
  }

  async #run(events: AsyncIterable<{ readonly data: unknown }>): Promise<void> {
    try {
      for await (const { data } of events) {
        if (this.#state !== "live") return;
        this.#publish(this.#log.append(data, true));
      }
      if (this.#state !== "live") return;
      this.#state = "ended";
      for (const follower of this.#followers) follower.end();
      this.#followers.clear();
      this.#lingerOn();
    } catch (thrown) {
      if (!this.#abort.signal.aborted) this.#fail(thrown);
    }
  }

  #onMessage(message: LayerMessage): boolean {
    const { on } = this.#options.definition;
    const reaction = on ? on.get(message.type) : FORWARD_AS_IT_IS;
    if (reaction?.kind === "refresh") this.#refresh();
    if (reaction?.kind !== "forward") return true;
    const data = reaction.map ? reaction.map(message) : toJsonValue(message);
    if (data !== undefined) this.#publish(this.#log.append(data, false));
    return true;
  }

  /** Loads the snapshot again for everybody, now or when the load under way is done. */
  #refresh(): void {
    this.#isStale = true;
    // Nobody is there to see it: the next one who comes has it loaded.
    if (this.#followers.size === 0 || this.#state !== "live") return;
    this.#freshen().catch((thrown: unknown) => this.#fail(thrown));
  }

  async #freshen(): Promise<void> {
    while (this.#isStale && this.#state !== "stopped") {
      this.#loading ??= this.#load((data) => this.#publish(this.#log.append(data, true))).finally(
        () => (this.#loading = undefined),
      );
      await this.#loading;
    }
  }

  async #load(store: (data: unknown, offset: number) => void): Promise<void> {
    const { snapshot } = this.#options.definition;
    if (!snapshot) return;
    this.#isStale = false;
    const { offset } = this.#log;
    const data = await snapshot(this.#context());
    if (this.#state !== "stopped") store(data, offset);
  }

  async #missed(cursor: string | undefined): Promise<readonly FeedEvent[]> {
    await this.#started;
    try {
      return await this.#missedSince(cursor);
    } catch (thrown) {
      throw isTidingsError(thrown, "FEED_FAILED") ? thrown : this.#fail(thrown);
    }
  }

  async #missedSince(cursor: string | undefined): Promise<readonly FeedEvent[]> {
    await this.#freshen();
    const since = cursor === undefined ? undefined : this.#log.since(cursor);
    if (since) return since;
    const state = await this.#stateNow();
    const [first, ...rest] = state;
    if (!first || cursor === undefined) return state;
    return [{ ...first, reset: true }, ...rest];
  }

  async #stateNow(): Promise<readonly FeedEvent[]> {
    // With a busy tail the state may be out of the log's reach again when its load ends; then the
    // next try is likely to be quicker than `keep` events.
    while (this.#options.definition.snapshot && this.#state !== "stopped") {
      const state = this.#log.state();
      if (state) return state;
      await this.#load((data, offset) => this.#log.setState(data, offset));
    }
    if (this.#state === "stopped") throw new TidingsError("FEED_FAILED", "the feed has stopped");
    return this.#log.state() ?? [];
  }

  #publish(event: FeedEvent): void {
    for (const follower of this.#followers) follower.deliver(event);
  }

  #fail(thrown: unknown): TidingsError {
    const { definition, logger } = this.#options;
    const cause = toError(thrown);
    const error = new TidingsError("FEED_FAILED", `feed \`${definition.path.path}\` failed`, {
      cause,
    });
    logger.error(
      { err: cause, feed: definition.path.path },
      "feed failed; its followers are cut off",
    );
    this.stop(error);
    return error;
  }

  #leave(follower: Follower): void {
    this.#followers.delete(follower);
    if (this.#followers.size === 0) this.#lingerOn();
  }

  #stay(): void {
    clearTimeout(this.#linger);
    this.#linger = undefined;
  }

  #lingerOn(): void {
    if (this.#state === "stopped") return;
    clearTimeout(this.#linger);
    this.#linger = setTimeout(() => this.stop(), this.#options.lingerMs ?? 30_000).unref();
  }

  #context(): { readonly params: Params; readonly signal: AbortSignal } {
    return { params: this.#options.params, signal: this.#abort.signal };
  }
}

const FORWARD_AS_IT_IS = { kind: "forward", map: undefined } as const;

/** Waits for a promise, for a time, or for an abort, whichever comes first. */
async function wait(promise: Promise<void>, ms: number, signal?: AbortSignal): Promise<void> {
  if (ms <= 0) return;
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal?.addEventListener("abort", () => resolve(), { once: true });
  await Promise.race([promise, over]);
  clearTimeout(timer);
}

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
  /** Those who wait in `follow` for what they have missed. */
  #arrivals = 0;
  /** The load under way, and whether a change since it began asks for another. */
  #loading: Promise<void> | undefined;
  #isStale = false;

  constructor(options: FeedSourceOptions) {
    this.#options = options;
    this.#log = new FeedLog(options.definition.keep);
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
      const missed = await this.#missed(cursor);
      // From here to the end nothing is awaited, so nothing can come in between.
      for (const event of missed) follower.deliver(event);
      if (this.#state === "ended") follower.end();
      else this.#followers.add(follower);
    } finally {
      this.#arrivals -= 1;
      this.#lingerIfAlone();
    }
    return () => {
      this.#followers.delete(follower);
      this.#lingerIfAlone();
    };
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
      await this.#join();
      // Position first, then load: what comes while the snapshot loads is in the log behind it.
      await this.#loadState();
      this.#assertRunning();
      this.#state = "live";
      const { events } = this.#options.definition;
      if (events) void this.#run(events(this.#context()));
    } catch (thrown) {
      throw this.#fail(thrown);
    }
  }

  async #join(): Promise<void> {
    const { definition, params, layer } = this.#options;
    if (!definition.group) return;
    const group = definition.group(params);
    const channel = await layer.newChannel("feed");
    this.#assertRunning();
    this.#unlisten = layer.listen(channel, (message) => this.#onMessage(message));
    await layer.groupAdd(group, channel);
    if (this.#state === "stopped") await layer.groupDiscard(group, channel);
  }

  async #run(events: AsyncIterable<{ readonly data: unknown }>): Promise<void> {
    try {
      for await (const { data } of events) {
        if (this.#state !== "live") return;
        this.#publish(this.#log.append(toJsonValue(data), true));
      }
      if (this.#state !== "live") return;
      this.#state = "ended";
      for (const follower of this.#followers) follower.end();
      this.#followers.clear();
      this.#lingerIfAlone();
    } catch (thrown) {
      if (!this.#abort.signal.aborted) this.#fail(thrown);
    }
  }

  #onMessage(message: LayerMessage): boolean {
    const { definition, logger } = this.#options;
    const reaction = definition.on ? definition.on.get(message.type) : FORWARD_AS_IT_IS;
    if (reaction?.kind === "refresh") this.#refresh();
    if (reaction?.kind !== "forward") return true;
    try {
      const data = toJsonValue(reaction.map ? reaction.map(message) : message);
      if (data !== undefined) this.#publish(this.#log.append(data, false));
    } catch (thrown) {
      logger.error({ err: toError(thrown), feed: definition.path.path }, "message dropped");
    }
    return true;
  }

  /** Loads the snapshot again for everybody, now or when the load under way is done. */
  #refresh(): void {
    this.#isStale = true;
    // Nobody is there to see it: the next one who comes has it loaded.
    if (this.#followers.size === 0 || this.#state !== "live") return;
    this.#freshen().catch((thrown: unknown) => this.#fail(thrown));
  }

  /** Waits until the state is newer than every change that has been heard of. */
  async #freshen(): Promise<void> {
    while ((this.#isStale || this.#loading) && this.#state !== "stopped") {
      this.#loading ??= this.#reload().finally(() => (this.#loading = undefined));
      await this.#loading;
    }
  }

  async #reload(): Promise<void> {
    const { data, offset } = await this.#load();
    const meanwhile = this.#log.after(offset);
    this.#publish(this.#log.append(data, true));
    // What came while it loaded may or may not be in it, so it comes again after it.
    if (!meanwhile) this.#isStale = true;
    for (const event of meanwhile ?? []) this.#publish(this.#log.append(event.data, false));
  }

  async #loadState(): Promise<void> {
    if (!this.#options.definition.snapshot) return;
    const { data, offset } = await this.#load();
    this.#log.setState(data, offset);
  }

  async #load(): Promise<{ readonly data: unknown; readonly offset: number }> {
    this.#isStale = false;
    const { offset } = this.#log;
    const data = toJsonValue(await this.#options.definition.snapshot?.(this.#context()));
    this.#assertRunning();
    return { data, offset };
  }

  async #missed(cursor: string | undefined): Promise<readonly FeedEvent[]> {
    await this.#started;
    try {
      await this.#freshen();
      this.#assertRunning();
      const since = cursor === undefined ? undefined : this.#log.since(cursor);
      if (since) return since;
      const [first, ...rest] = await this.#stateNow();
      if (!first) return [];
      return [cursor === undefined ? first : { ...first, reset: true }, ...rest];
    } catch (thrown) {
      throw this.#fail(thrown);
    }
  }

  async #stateNow(): Promise<readonly FeedEvent[]> {
    // With a busy tail the state may be out of the log's reach again when its load ends; then the
    // next try is likely to be quicker than `keep` events.
    while (this.#options.definition.snapshot && !this.#log.state()) await this.#loadState();
    return this.#log.state() ?? [];
  }

  #publish(event: FeedEvent): void {
    for (const follower of this.#followers) follower.deliver(event);
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

  #assertRunning(): void {
    if (this.#state === "stopped") throw new TidingsError("FEED_FAILED", "the feed has stopped");
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

  #context(): { readonly params: Params; readonly signal: AbortSignal } {
    return { params: this.#options.params, signal: this.#abort.signal };
  }
}

const FORWARD_AS_IT_IS = { kind: "forward", map: undefined } as const;

/** Waits for a promise, for a time, or for an abort, whichever comes first. */
async function wait(promise: Promise<void>, ms: number, signal?: AbortSignal): Promise<void> {
  if (ms <= 0 || signal?.aborted) return;
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal?.addEventListener("abort", () => resolve(), { once: true });
  await Promise.race([promise, over]);
  clearTimeout(timer);
}

import { isTidingsError, toError, TidingsError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { HistoryEntry, RecordedGroups, Recovery } from "../history/index.ts";
import { recordedGroup, type ChannelLayer, type LayerMessage } from "../layers/index.ts";
import { parseCursor, type FeedEvent, type Position, type ResetReason } from "../protocol/index.ts";
import { FeedLog } from "./feed-log.ts";
import { toNews, type FeedNews } from "./feed-reaction.ts";
import { joinRecovery } from "./feed-recovery.ts";
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

type Events = readonly FeedEvent[];

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

/** How often the history is asked for somebody, when the group is faster than it answers. */
const MAX_ASKS = 3;
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
 *
 * With history its log has the positions of the group's, so that any process can go on from a cursor of
 * another; what the log has not is asked of the history. What the group was sent without history is
 * told to those who are there, and has no position.
 */
export class FeedSource {
  readonly #options: FeedSourceOptions;
  #log: FeedLog;
  /** Those who follow, and up to which offset they have seen everything elsewhere. */
  readonly #followers = new Map<Follower, number>();
  readonly #abort = new AbortController();
  readonly #started: Promise<void>;
  #state: "starting" | "live" | "ended" | "stopped" = "starting";
  #unlisten: (() => void) | undefined;
  /** Ends following the group's history. */
  #unfollow: (() => void) | undefined;
  /** Why the history has begun anew, if it has: nothing is told before the state, from anew. */
  #reset: ResetReason | undefined;
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
      await this.#started;
      await this.#welcome(follower, cursor);
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
    return cursor === undefined && this.#log.offset === 0 ? FIRST_EVENT_MS : waitMs;
  }

  /** What somebody is answered who has polled with a cursor, and has been delivered these events. */
  pageSince(cursor: string | undefined, events: Events): FeedPage {
    const isAhead = cursor !== undefined && this.#log.seenBy(cursor) > this.#log.offset;
    return { cursor: isAhead ? cursor : this.#log.cursor, events, end: this.#state === "ended" };
  }

  /** Stops at once; followers are told that the feed has broken off. */
  stop(error?: Error): void {
    if (this.#state === "stopped") return;
    this.#state = "stopped";
    clearTimeout(this.#linger);
    this.#abort.abort();
    this.#unlisten?.();
    this.#unfollow?.();
    for (const follower of this.#followers.keys()) follower.end(error);
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
    const { definition, params, layer, recorded } = this.#options;
    if (!definition.group) return;
    const group = definition.group(params);
    const channel = await layer.newChannel("feed");
    this.#assertRunning();
    this.#unlisten = layer.listen(channel, (message) => this.#onMessage(group, message));
    await layer.groupAdd(group, channel);
    if (this.#state === "stopped") await layer.groupDiscard(group, channel);
    if (!definition.history || !recorded) return;
    this.#unfollow = await recorded.follow(group, {
      onStart: (position) => (this.#log = new FeedLog(definition.keep, position)),
      onEntry: (entry) => this.#onEntry(entry),
      onReset: (reason, position) => this.#restart(reason, position),
    });
    if (this.#state === "stopped") this.#unfollow();
  }

  async #run(events: AsyncIterable<{ readonly data: unknown }>): Promise<void> {
    try {
      for await (const { data } of events) {
        if (this.#state !== "live") return;
        this.#publish(this.#log.append(toJsonValue(data), true));
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

  #onMessage(group: string, message: LayerMessage): boolean {
    const { definition } = this.#options;
    if (definition.history && recordedGroup(message) === group) return true;
    const news = this.#toNews(message);
    if (news.kind === "change") this.#refresh();
    if (news.kind !== "event") return true;
    this.#publish(
      definition.history
        ? this.#log.tell(this.#log.offset, news.data)
        : this.#log.append(news.data, false),
    );
    return true;
  }

  #onEntry({ position: { offset }, message }: HistoryEntry): void {
    const news = this.#toNews(message);
    if (news.kind === "nothing") return this.#log.moveTo(offset);
    if (news.kind === "event") return this.#publish(this.#log.tell(offset, news.data), offset);
    this.#log.moveToChange(offset);
    this.#refresh();
  }

  /** Begins anew where the history did, with the state for everybody. */
  #restart(reason: ResetReason, position: Position): void {
    this.#log = new FeedLog(this.#options.definition.keep, position);
    this.#reset = reason;
    this.#refresh();
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
    const { data, log, offset } = await this.#load();
    if (log !== this.#log) return;
    if (this.#options.definition.history) return this.#tellState(data, offset);
    const meanwhile = log.after(offset);
    this.#publish(log.append(data, true));
    // What came while it loaded may or may not be in it, so it comes again after it.
    if (!meanwhile) this.#isStale = true;
    for (const event of meanwhile ?? []) this.#publish(log.append(event.data, false));
  }

  /** Tells everybody the state, and what came while it loaded again after it, at its old place. */
  #tellState(data: unknown, offset: number): void {
    this.#log.setState(data, offset);
    const events = this.#log.state(this.#reset);
    if (!events) this.#isStale = true;
    else this.#reset = undefined;
    for (const event of events ?? []) this.#publish(event);
  }

  async #loadState(): Promise<void> {
    if (!this.#options.definition.snapshot) return;
    const { data, log, offset } = await this.#load();
    log.setState(data, offset);
  }

  async #load(): Promise<{
    readonly data: unknown;
    readonly log: FeedLog;
    readonly offset: number;
  }> {
    this.#isStale = false;
    const log = this.#log;
    const { offset } = log;
    const data = toJsonValue(await this.#options.definition.snapshot?.(this.#context()));
    this.#assertRunning();
    if (log !== this.#log) this.#isStale = true;
    return { data, log, offset };
  }

  /** Delivers what the follower has missed, and has it follow. */
  async #welcome(follower: Follower, cursor: string | undefined): Promise<void> {
    const position = this.#inHistory(cursor);
    let recovery: Recovery | undefined;
    for (let asked = 0; ;) {
      await this.#freshen();
      this.#assertRunning();
      // From here to the end of a round nothing is awaited, so nothing can come in between.
      const missed = this.#missed(cursor, recovery);
      const isAsked = !position || recovery?.kind === "reset" || asked >= MAX_ASKS;
      const events = missed ?? (isAsked ? this.#stateNow(cursor, recovery) : undefined);
      if (events) {
        for (const event of events) follower.deliver(event);
        if (this.#state === "ended") follower.end();
        else this.#followers.set(follower, this.#log.seenBy(cursor));
        return;
      }
      // With a busy tail the state may be out of the log's reach again when its load ends; then the
      // next try is likely to be quicker than `keep` events.
      if (isAsked) await this.#loadState();
      else {
        asked += 1;
        recovery = await this.#recover(position);
      }
    }
  }

  /** What came after a cursor, as far as log and recovery can tell. */
  #missed(cursor: string | undefined, recovery: Recovery | undefined): Events | undefined {
    if (cursor === undefined) return undefined;
    const since = this.#log.since(cursor);
    if (since || !recovery) return since;
    return joinRecovery(recovery, this.#log, ({ message }) => this.#toNews(message));
  }

  /** The state and what came after it; `undefined` when it must be loaded first. */
  #stateNow(cursor: string | undefined, recovery: Recovery | undefined): Events | undefined {
    const told = recovery?.kind === "reset" ? recovery.reason : undefined;
    const reason = cursor === undefined ? undefined : (told ?? this.#log.lossAfter(cursor));
    return this.#log.state(reason) ?? (this.#options.definition.snapshot ? undefined : []);
  }

  async #recover(position: Position): Promise<Recovery | undefined> {
    const { definition, params, recorded } = this.#options;
    if (!definition.group || !recorded) return undefined;
    try {
      return await recorded.since(definition.group(params), position);
    } catch (cause) {
      // The others who follow are none the worse for it.
      throw new TidingsError("FEED_FAILED", "the history is out of reach", { cause });
    }
  }

  /** The position of a cursor, if it is one in a history. */
  #inHistory(cursor: string | undefined): Position | undefined {
    if (cursor === undefined || !this.#options.definition.history) return undefined;
    return parseCursor(cursor);
  }

  #toNews(message: LayerMessage): FeedNews {
    const { definition, logger } = this.#options;
    return toNews(definition, message, logger);
  }

  #publish(event: FeedEvent, offset = Infinity): void {
    if (this.#reset) return;
    for (const [follower, seen] of this.#followers) if (offset > seen) follower.deliver(event);
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

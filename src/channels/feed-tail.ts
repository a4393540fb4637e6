import { TidingsError } from "../core/errors.ts";
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

type Events = readonly FeedEvent[];

/** Those who follow. The calls are synchronous, and MUST NOT throw. */
export interface FeedTailFollowers {
  /** An event for everybody, except who has seen up to its offset elsewhere. */
  onEvent(event: FeedEvent, offset: number): void;
  /** The history has begun anew: what anybody has seen elsewhere was of the one before. */
  onRestart(): void;
  /** The state cannot be loaded. */
  onError(thrown: unknown): void;
  /** Whether somebody would see a new state now; else it is loaded for the next who comes. */
  areThere(): boolean;
}

/** What a {@link FeedTail} needs. */
export interface FeedTailOptions {
  readonly definition: FeedDefinition;
  readonly params: Params;
  readonly layer: ChannelLayer;
  /** The groups of the layer with their history, for a feed that goes on from it. */
  readonly recorded?: RecordedGroups | undefined;
  readonly logger: Logger;
  readonly followers: FeedTailFollowers;
  /** Fires when it has stopped for good. */
  readonly signal: AbortSignal;
}

/** How often the history is asked for somebody, when the group is faster than it answers. */
const MAX_ASKS = 3;

/**
 * What a feed brings, in one log: its state, and what its group is sent after it.
 *
 * With history the log has the positions of the group's, so that any process can go on from a cursor of
 * another; what the log has not is asked of the history. What the group was sent without history is
 * told to those who are there, and has no position.
 */
export class FeedTail {
  readonly #options: FeedTailOptions;
  #log: FeedLog;
  #unlisten: (() => void) | undefined;
  /** Ends following the group's history. */
  #unfollow: (() => void) | undefined;
  /** Why the history has begun anew, if it has: nothing is told before the state, from anew. */
  #reset: ResetReason | undefined;
  /** The load under way, and whether a change since it began asks for another. */
  #loading: Promise<void> | undefined;
  #isStale = false;

  constructor(options: FeedTailOptions) {
    this.#options = options;
    this.#log = new FeedLog(options.definition.keep);
  }

  /** The offset of the last event. */
  get offset(): number {
    return this.#log.offset;
  }

  /** Joins the group, then loads the state: what comes while it loads is in the log behind it. */
  async start(): Promise<void> {
    await this.#join();
    await this.#loadState();
    this.assertRunning();
  }

  /**
   * Hands on what somebody has missed, and up to which offset they have then seen everything, here or
   * elsewhere; what comes from there on is told.
   */
  async goOn(
    cursor: string | undefined,
    begin: (missed: Events, seen: number) => void,
  ): Promise<void> {
    const position = this.#inHistory(cursor);
    let recovery: Recovery | undefined;
    for (let asked = 0; ;) {
      await this.#freshen();
      this.assertRunning();
      // From here to the end of a round nothing is awaited, so nothing can come in between.
      const missed = cursor === undefined ? undefined : this.#missed(cursor, recovery);
      // Who missed nothing else may be ahead of this process.
      if (missed && cursor !== undefined) return begin(missed, this.#log.seenBy(cursor));
      const isAsked = !position || recovery?.kind === "reset" || asked >= MAX_ASKS;
      const events = isAsked ? this.#stateNow(cursor, recovery) : undefined;
      if (events) return begin(events, this.#log.offset);
      // With a busy tail the state may be out of the log's reach again when its load ends; then the
      // next try is likely to be quicker than `keep` events.
      if (isAsked) await this.#loadState();
      else {
        asked += 1;
        recovery = await this.#recover(position);
      }
    }
  }

  /** Tells an event that is a state in itself. */
  tellState(data: unknown): void {
    this.#publish(this.#log.append(toData("an event", data), true));
  }

  /** Where somebody is who was told up to a cursor: still there when a state is to come, or they are ahead. */
  cursorAfter(told: string | undefined): string {
    if (told === undefined) return this.#log.cursor;
    const isElsewhere = this.#isUnsettled || this.#log.seenBy(told) > this.#log.offset;
    return isElsewhere ? told : this.#log.cursor;
  }

  /** @throws {TidingsError} FEED_FAILED when it has stopped. */
  assertRunning(): void {
    if (this.#isStopped()) throw new TidingsError("FEED_FAILED", "the feed has stopped");
  }

  /** Leaves the group. */
  stop(): void {
    this.#unlisten?.();
    this.#unfollow?.();
  }

  async #join(): Promise<void> {
    const { definition, params, layer, recorded } = this.#options;
    if (!definition.group) return;
    const group = definition.group(params);
    const channel = await layer.newChannel("feed");
    this.assertRunning();
    this.#unlisten = layer.listen(channel, (message) => this.#onMessage(group, message));
    await layer.groupAdd(group, channel);
    if (this.#isStopped()) await layer.groupDiscard(group, channel);
    if (!definition.history || !recorded) return;
    this.#unfollow = await recorded.follow(group, {
      onStart: (position) => (this.#log = new FeedLog(definition.keep, position)),
      onEntry: (entry) => this.#onEntry(entry),
      onReset: (reason, position) => this.#restart(reason, position),
    });
    if (this.#isStopped()) this.#unfollow();
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
    const { definition, followers } = this.#options;
    this.#log = new FeedLog(definition.keep, position);
    this.#reset = reason;
    followers.onRestart();
    this.#refresh();
  }

  /** Loads the snapshot again for everybody, now or when the load under way is done. */
  #refresh(): void {
    const { followers } = this.#options;
    this.#isStale = true;
    if (followers.areThere()) this.#freshen().catch((thrown) => followers.onError(thrown));
  }

  /** Waits until the state is newer than every change that has been heard of. */
  async #freshen(): Promise<void> {
    while (this.#isUnsettled && !this.#isStopped()) {
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
    const { definition, params, signal } = this.#options;
    const data = toData("the state", await definition.snapshot?.({ params, signal }));
    this.assertRunning();
    if (log !== this.#log) this.#isStale = true;
    return { data, log, offset };
  }

  /** What came after a cursor, as far as log and recovery can tell. */
  #missed(cursor: string, recovery: Recovery | undefined): Events | undefined {
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
    if (!this.#reset) this.#options.followers.onEvent(event, offset);
  }

  /** Whether the state is older than the log's position. */
  get #isUnsettled(): boolean {
    return this.#isStale || this.#loading !== undefined;
  }

  #isStopped(): boolean {
    return this.#options.signal.aborted;
  }
}

/** What JSON can say of a value, which must be something. */
function toData(what: string, value: unknown): unknown {
  const data = toJsonValue(value);
  if (!["undefined", "function", "symbol"].includes(typeof data)) return data;
  throw new TidingsError(
    "APP_INVALID_DEFINITION",
    `expected ${what} to be a value of JSON, as \`null\` for nothing, got \`${typeof value}\``,
  );
}

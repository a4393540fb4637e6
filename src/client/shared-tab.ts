import { toError } from "../core/errors.ts";
import { isRecord } from "../core/is-record.ts";
import { follow, type FollowedEvent, type FollowOptions } from "./follow.ts";
import { SharedLog, type SharedEvent } from "./shared-log.ts";
import type { StatusChange } from "./status.ts";

/** What tabs say to each other. */
type TabMessage =
  /** Another tab leads from now on. */
  | { readonly kind: "leader" }
  | { readonly kind: "status"; readonly change: StatusChange }
  | { readonly kind: "event"; readonly entry: SharedEvent }
  /** A tab wants what came after its cursor; without one, the state. */
  | { readonly kind: "want"; readonly from: string; readonly cursor: string | undefined }
  | { readonly kind: "answer"; readonly to: string; readonly entries: readonly SharedEvent[] };

const MAX_SEEN = 512;
const MAX_BUFFERED = 256;

/**
 * A tab among those that follow a feed together.
 *
 * | state     | what is true                                       | left when                              |
 * | --------- | -------------------------------------------------- | -------------------------------------- |
 * | following | another tab holds the lock and tells of its events | it is gone and the lock is ours: leading |
 * | leading   | this tab follows the feed, and tells the others    | it ends, or its reader leaves: over    |
 * | over      | the reader gets what waits, and then the end       | never                                  |
 *
 * Events form a chain: each names the cursor before it. Who is not there asks for what it has missed; when
 * the leader does not know that any more, it follows anew, and its first event is the state for everybody.
 */
export class SharedTab {
  readonly #id: string = crypto.randomUUID();
  readonly #name: string;
  readonly #address: URL;
  readonly #options: FollowOptions;
  readonly #channel: InstanceType<typeof BroadcastChannel>;
  readonly #left = new AbortController();
  readonly #signal: AbortSignal;
  readonly #maxBuffered: number;
  readonly #seen = new Set<string>();
  #queue: FollowedEvent[] = [];
  /** Of the last event that was put into the queue. */
  #cursor: string | undefined;
  #isBehind = false;
  #log: SharedLog | undefined;
  #anew = new AbortController();
  #change: StatusChange | undefined;
  #isOver = false;
  #error: Error | undefined;
  #wake = (): void => {};

  constructor(address: URL, options: FollowOptions) {
    const { signal, cursor, maxBuffered = MAX_BUFFERED } = options;
    this.#name = `tidings ${address.href}`;
    this.#address = address;
    this.#options = options;
    this.#cursor = cursor;
    this.#maxBuffered = maxBuffered;
    this.#signal = AbortSignal.any([this.#left.signal, ...(signal ? [signal] : [])]);
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.addEventListener("message", (event: Event) => {
      if ("data" in event && isTabMessage(event.data)) this.#hear(event.data);
    });
  }

  /** The events, for one reader; who leaves the loop leaves the others to go on. */
  async *events(): AsyncGenerator<FollowedEvent, void> {
    void this.#waitToLead();
    this.#ask();
    try {
      for (;;) {
        const event = this.#queue.shift();
        if (this.#signal.aborted) return;
        if (event) yield event;
        else if (this.#isBehind) {
          this.#isBehind = false;
          this.#ask();
        } else if (this.#error) throw this.#error;
        else if (this.#isOver) return;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.#left.abort();
      this.#channel.close();
    }
  }

  /** Never rejects: the reader is told. */
  async #waitToLead(): Promise<void> {
    try {
      await navigator.locks.request(this.#name, { signal: this.#signal }, () => this.#lead());
    } catch (thrown) {
      if (!this.#signal.aborted) this.#error = toError(thrown);
    }
    this.#isOver = true;
    this.#wake();
  }

  async #lead(): Promise<void> {
    let cursor = this.#cursor;
    this.#log = new SharedLog(cursor);
    this.#post({ kind: "leader" });
    for (;;) {
      this.#anew = new AbortController();
      const signal = AbortSignal.any([this.#signal, this.#anew.signal]);
      const onStatus = (change: StatusChange): void => this.#tellStatus(change);
      let isState = cursor === undefined;
      const events = follow(this.#address, { ...this.#options, cursor, signal, onStatus });
      for await (const event of events) {
        const entry = this.#log.add(event, isState);
        isState = false;
        this.#post({ kind: "event", entry });
        this.#take(entry);
      }
      if (!this.#anew.signal.aborted || this.#signal.aborted) return;
      cursor = undefined;
    }
  }

  #hear(message: TabMessage): void {
    switch (message.kind) {
      case "leader":
        return this.#ask();
      case "status":
        return this.#enter(message.change);
      case "event":
        return this.#log ? undefined : this.#take(message.entry);
      case "want":
        return this.#answer(message.from, message.cursor);
      case "answer":
        if (message.to === this.#id) for (const entry of message.entries) this.#take(entry);
    }
  }

  /** Asks for what this tab has missed. */
  #ask(): void {
    if (this.#log) this.#answer(this.#id, this.#cursor);
    else this.#post({ kind: "want", from: this.#id, cursor: this.#cursor });
  }

  #answer(to: string, cursor: string | undefined): void {
    if (!this.#log) return;
    const entries = this.#log.since(cursor);
    if (this.#change) this.#post({ kind: "status", change: this.#change });
    // Before its first event it knows nothing, and will tell everybody.
    if (!entries) return this.#seen.size > 0 ? this.#anew.abort() : undefined;
    if (to === this.#id) for (const entry of entries) this.#take(entry);
    else this.#post({ kind: "answer", to, entries });
  }

  #take({ previous, event }: SharedEvent): void {
    if (this.#seen.has(event.cursor) || this.#isBehind) return;
    if (previous !== undefined && previous !== this.#cursor) return this.#ask();
    if (this.#queue.length >= this.#maxBuffered) {
      this.#isBehind = true;
      return;
    }
    const { cursor, data, reset = { reason: "evicted" } } = event;
    // The state from anew, for who was somewhere else.
    const isReset = previous === undefined && this.#cursor !== undefined;
    this.#queue.push(isReset ? { cursor, data, reset } : { cursor, data });
    this.#cursor = cursor;
    if (this.#seen.size >= MAX_SEEN) this.#seen.clear();
    this.#seen.add(cursor);
    this.#wake();
  }

  #tellStatus(change: StatusChange): void {
    // What ends here only goes on: anew, or in another tab.
    if (this.#anew.signal.aborted && !this.#signal.aborted) return;
    if (!this.#signal.aborted) this.#post({ kind: "status", change });
    this.#enter(change);
  }

  #enter(change: StatusChange): void {
    const { status, transport } = change;
    if (status === this.#change?.status && transport === this.#change.transport) return;
    this.#change = change;
    this.#options.onStatus?.(change);
  }

  #post(message: TabMessage): void {
    if (!this.#left.signal.aborted) this.#channel.postMessage(message);
  }
}

/** What has our channel's name is of this site, and most likely ours. */
function isTabMessage(data: unknown): data is TabMessage {
  return isRecord(data) && "kind" in data;
}

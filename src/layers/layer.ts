/** What a message may hold: what msgpack and JSON can carry between Python and us. */
export type LayerValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly LayerValue[]
  | { readonly [key: string]: LayerValue };

/**
 * A message on a channel: a plain object whose `type` names the handler that receives it.
 *
 * Numbers are doubles, `bigint` is a 64-bit integer, `Uint8Array` is bytes. A field that is
 * `undefined` is left out, as in JSON.
 */
export interface LayerMessage {
  readonly type: string;
  readonly [key: string]: LayerValue;
}

/** A message as users write it: fields may be `undefined`, which means absent. */
export interface OutgoingMessage {
  readonly type: string;
  readonly [key: string]: unknown;
}

/**
 * Takes a message the moment it arrives; returns `false` when it has no room for it.
 *
 * It is called synchronously and MUST NOT throw.
 */
export type ChannelListener = (message: LayerMessage) => boolean;

/** How to wait for a message. */
export interface ReceiveOptions {
  /** Gives up waiting. A message that comes later goes to the next receiver. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * What a layer could not deliver, as it tells `onIncident`.
 *
 * | kind      | what happened                                                             |
 * | --------- | ------------------------------------------------------------------------- |
 * | `dropped` | a message found no room, nobody read it in time, or nobody listened         |
 * | `poison`  | what came from the wire is no message: refused, and nobody else was harmed  |
 * | `gap`     | the layer was cut off: messages of that time may be missing                 |
 */
export type LayerIncident =
  | {
      readonly kind: "dropped";
      readonly reason: "full" | "expired" | "unheard";
      /** The channel, or the group whose members missed the message. */
      readonly name: string;
      readonly count: number;
    }
  | { readonly kind: "poison"; readonly name: string; readonly reason: string }
  | { readonly kind: "gap"; readonly from: number; readonly to: number };

/** How often each kind of incident has happened since the layer was opened. */
export interface LayerIncidents {
  readonly dropped: number;
  readonly poison: number;
  readonly gap: number;
}

/**
 * A channel layer: named channels, and groups of them, between connections and processes.
 *
 * Follows the channel layer specification of Django Channels. `src/testing/cases/layer.ts` checks
 * each sentence against every driver.
 *
 * - Names: at most 99 characters of `a-z A-Z 0-9 - _ .`; a channel may have one `!`, after which the
 *   name is local to the process that made it. Anything else MUST be refused: LAYER_INVALID_NAME.
 * - A message MUST reach at most one receiver of its channel, and those of one sender MUST arrive in
 *   the order in which they were sent.
 * - Messages MUST be isolated: what sender or receivers change afterwards is seen by nobody else.
 *   A received message is either the receiver's own or deeply frozen.
 * - A channel MUST hold at most `capacity` unread messages; `send` then throws LAYER_CHANNEL_FULL.
 *   `groupSend` MUST NOT throw for it: the members that are full miss the message.
 * - An unread message MUST be dropped after `expiryMs`; its channel then leaves its groups, since
 *   nobody reads it.
 * - A membership MUST end `groupExpiryMs` after the last `groupAdd`, except while a listener of this
 *   process holds the channel: a living connection may idle for ever.
 * - `groupAdd` twice is one membership; `groupDiscard` of a non-member does nothing.
 * - A cancelled `receive` MUST NOT take a message with it.
 * - What is dropped or refused MUST be counted and told to `onIncident`.
 * - A message that is marked (`recorded.ts`) MUST arrive with its mark, and equal to one without.
 * - `flush` MUST drop every message and membership. After `close` every call throws LAYER_CLOSED.
 *
 * Delivery: at most once, without history.
 *
 * @see https://channels.readthedocs.io/en/latest/channel_layer_spec.html
 */
export interface ChannelLayer extends AsyncDisposable {
  /** What this layer object could not deliver so far. */
  readonly incidents: LayerIncidents;
  /** Tells a listener of every incident; it MUST NOT throw. Returns what ends it. */
  onIncident(listener: (incident: LayerIncident) => void): () => void;
  /** Returns a new channel name that only this process can read. */
  newChannel(prefix?: string): Promise<string>;
  /** Sends a message to a channel. */
  send(channel: string, message: OutgoingMessage): Promise<void>;
  /** Waits for the next message of a channel. */
  receive(channel: string, options?: ReceiveOptions): Promise<LayerMessage>;
  /**
   * Hands every message of a channel to a listener as it arrives, instead of `receive`.
   *
   * One listener at a time. Members of one group are handed the same frozen object, so whoever
   * encodes it can do so once. Returns the function that ends it, and the channel's memberships.
   */
  listen(channel: string, listener: ChannelListener): () => void;
  /** Adds a channel to a group, or renews its membership. */
  groupAdd(group: string, channel: string): Promise<void>;
  /** Takes a channel out of a group. */
  groupDiscard(group: string, channel: string): Promise<void>;
  /** Sends a message to every member of a group. */
  groupSend(group: string, message: OutgoingMessage): Promise<void>;
  /** Drops every message and membership. */
  flush(): Promise<void>;
  /** Asks what the layer depends on whether it is there; throws when it is not. */
  check(): Promise<void>;
  /** Ends the layer; waiting receivers are told. */
  close(): Promise<void>;
}

/** The bounds that every layer keeps. */
export interface LayerOptions {
  /** How long an unread message is kept, in milliseconds. @default 60_000 */
  readonly expiryMs?: number | undefined;
  /** How long a membership lasts without renewal, in milliseconds. @default 86_400_000 */
  readonly groupExpiryMs?: number | undefined;
  /** How many unread messages a channel holds. @default 100 */
  readonly capacity?: number | undefined;
  /**
   * Other capacities, by a pattern of the whole channel name; the first that fits counts.
   *
   * A pattern is a glob (`http.*`, with `*`, `?` and `[…]`) or a regular expression that is matched
   * from the start of the name.
   */
  readonly channelCapacity?: readonly (readonly [string | RegExp, number])[] | undefined;
}

import { TidingsError } from "../core/errors.ts";
import type { RecordedGroups } from "../history/index.ts";
import {
  recordedGroup,
  type ChannelLayer,
  type LayerMessage,
  type OutgoingMessage,
} from "../layers/index.ts";
import type { Position } from "../protocol/index.ts";
import type { ConnectionPort, Payload } from "./connection-port.ts";
import type { Connection, GroupAddOptions, KeepOptions } from "./connection.ts";
import type { ConsumerDefinition } from "./consumer.ts";
import type { EventDispatch, Reaction } from "./event-dispatch.ts";
import { FollowedGroups, type FollowedGroup } from "./followed-groups.ts";

/** A reaction to what was in the history of a group, and where that was. */
export interface RecordedReaction {
  readonly kind: "recorded";
  readonly reaction: Reaction;
  readonly followed: FollowedGroup;
  readonly position: Position;
}

/** What {@link SessionGroups} need. */
export interface SessionGroupsOptions {
  readonly definition: ConsumerDefinition;
  readonly dispatch: EventDispatch;
  readonly layer: ChannelLayer;
  /** The groups of the layer with their history; `undefined` where there is none. */
  readonly getRecorded?: (() => RecordedGroups) | undefined;
}

/** Takes a reaction; `false` when there is no room, and then it comes again. */
export type TakeRecorded = (reaction: RecordedReaction) => boolean;

const POSITIONS_ONLY: Payload = { reset: undefined };

/** The groups that a connection is in, and what it sends to groups. */
export class SessionGroups {
  readonly #options: SessionGroupsOptions;
  /** Which is in them. Its request is looked at when it is needed: what that is made of is large. */
  readonly #connection: Connection;
  readonly #take: TakeRecorded;
  /** Those with history, if any. */
  #followed: FollowedGroups | undefined;
  /** Whether it was put into a group without history. */
  #isInPlain = false;

  constructor(options: SessionGroupsOptions, connection: Connection, take: TakeRecorded) {
    this.#options = options;
    this.#connection = connection;
    this.#take = take;
  }

  async add(group: string, { history }: GroupAddOptions = {}): Promise<void> {
    const { definition, layer } = this.#options;
    const isFollowed = history ?? definition.history !== false;
    this.#isInPlain ||= !isFollowed;
    // The layer's copies of what is in the history are passed over from the first one on.
    const following = isFollowed ? this.#follow().add(group) : undefined;
    await Promise.all([following, layer.groupAdd(group, this.#connection.channelName)]);
  }

  async discard(group: string): Promise<void> {
    this.#followed?.discard(group);
    await this.#options.layer.groupDiscard(group, this.#connection.channelName);
  }

  async send(
    group: string,
    message: OutgoingMessage,
    { history = this.#options.definition.history }: KeepOptions = {},
  ): Promise<void> {
    if (history === false) return await this.#options.layer.groupSend(group, message);
    await this.#recorded().send(group, message, history === true ? undefined : history);
  }

  /** Whether its client, which has come back, is told everything that its groups were sent in between. */
  get isRecovered(): boolean {
    return this.#followed?.hasGaps === false && !this.#isInPlain;
  }

  /** Whether a message of the layer comes, or came, from a history too. */
  isFollowed(message: LayerMessage): boolean {
    return this.#followed?.has(recordedGroup(message)) === true;
  }

  /** The client is told, with the next payload, what led up to this reaction. */
  tell({ followed, position }: RecordedReaction): void {
    this.#followed?.tell(followed, position);
  }

  /** Sends to the client, and tells it where it is when it has this. */
  deliver(port: ConnectionPort, payload: Payload): void {
    port.send(payload, this.#followed?.positions);
    if (this.#followed) this.#followed.isUntold = false;
  }

  /** Takes what found no room, now that there is; tells a client where it is that does not know. */
  catchUp(port: ConnectionPort): void {
    if (!this.#followed) return;
    this.#followed.resume();
    const { isUntold, positions } = this.#followed;
    if (isUntold && positions !== undefined) this.deliver(port, POSITIONS_ONLY);
  }

  release(): void {
    this.#followed?.release();
  }

  #follow(): FollowedGroups {
    const { dispatch } = this.#options;
    this.#followed ??= new FollowedGroups({
      recorded: this.#recorded(),
      cursor: cursorOf(this.#connection.request),
      onEntry: (followed, { message, position }) =>
        this.#take({
          kind: "recorded",
          reaction: dispatch.reactionTo(message),
          followed,
          position,
        }),
      onReset: (followed, reset, position) =>
        this.#take({
          kind: "recorded",
          reaction: { kind: "send", payload: { reset } },
          followed,
          position,
        }),
    });
    return this.#followed;
  }

  #recorded(): RecordedGroups {
    const { getRecorded, definition } = this.#options;
    if (getRecorded) return getRecorded();
    throw new TidingsError(
      "APP_INVALID_DEFINITION",
      `no history is kept where consumer \`${definition.path.path}\` runs`,
    );
  }
}

/** Where the client has been, if it comes back; an event source's URL stays that of its first request. */
export function cursorOf({ url, headers }: Request): string | undefined {
  return headers.get("last-event-id") ?? new URL(url).searchParams.get("cursor") ?? undefined;
}

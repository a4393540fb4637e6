import type { Logger } from "../core/logger.ts";
import { markRecorded, type ChannelLayer, type OutgoingMessage } from "../layers/index.ts";
import type { Position } from "../protocol/index.ts";
import type { TailCounts, TailFollower } from "./group-tail.ts";
import { GroupTails } from "./group-tails.ts";
import type { GroupHistory, HistoryBounds, Recovery } from "./history.ts";

/** What {@link RecordedGroups} need. */
export interface RecordedGroupsOptions {
  readonly history: GroupHistory;
  readonly layer: ChannelLayer;
  readonly logger?: Logger | undefined;
}

/** The groups of a layer, as those see them who keep what is sent to them. */
export class RecordedGroups {
  readonly #history: GroupHistory;
  readonly #layer: ChannelLayer;
  readonly #tails: GroupTails;

  constructor({ history, layer, logger }: RecordedGroupsOptions) {
    this.#history = history;
    this.#layer = layer;
    this.#tails = new GroupTails({ history, logger });
  }

  /** How often something was missing from what the store told by itself. */
  get counts(): Readonly<TailCounts> {
    return this.#tails.counts;
  }

  /**
   * Sends a message to a group, and keeps it.
   *
   * It is in the history first. Then the layer brings it to the members without history, those of Python
   * included, at most once as ever.
   */
  async send(group: string, message: OutgoingMessage, bounds?: HistoryBounds): Promise<Position> {
    const position = await this.#history.append(group, message, bounds);
    await this.#layer.groupSend(group, markRecorded({ ...message }, group));
    return position;
  }

  /** What came after a position. */
  async since(group: string, position: Position, limit?: number): Promise<Recovery> {
    return await this.#history.since(group, position, limit);
  }

  /** Delivers what came after a position, then everything that comes; see `GroupTail`. */
  async follow(group: string, follower: TailFollower, from?: Position): Promise<() => void> {
    return await this.#tails.follow(group, follower, from);
  }

  async close(): Promise<void> {
    this.#tails.stop();
    await this.#history.close();
  }
}

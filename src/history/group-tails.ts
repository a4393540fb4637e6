import type { Logger } from "../core/logger.ts";
import type { Position } from "../protocol/index.ts";
import { GroupTail, type TailCounts, type TailFollower } from "./group-tail.ts";
import type { GroupHistory } from "./history.ts";

/** What {@link GroupTails} need. */
export interface GroupTailsOptions {
  readonly history: GroupHistory;
  readonly logger?: Logger | undefined;
  /** How often each tail compares with the store. @default 30_000 */
  readonly verifyMs?: number | undefined;
  /** How long a tail goes on when nobody follows. @default 10_000 */
  readonly lingerMs?: number | undefined;
}

/** The groups that are followed in this process: one tail for each, however many follow it. */
export class GroupTails {
  readonly #options: GroupTailsOptions;
  readonly #tails = new Map<string, GroupTail>();
  readonly #counts: TailCounts = { gapsRepaired: 0, gapsNotRepaired: 0 };

  constructor(options: GroupTailsOptions) {
    this.#options = options;
  }

  get counts(): Readonly<TailCounts> {
    return { ...this.#counts };
  }

  /** As {@link GroupTail.follow}, of the group's tail. */
  async follow(group: string, follower: TailFollower, from?: Position): Promise<() => void> {
    let tail = this.#tails.get(group);
    if (!tail) {
      const made = new GroupTail({
        ...this.#options,
        group,
        counts: this.#counts,
        onStop: () => {
          if (this.#tails.get(group) === made) this.#tails.delete(group);
        },
      });
      this.#tails.set(group, (tail = made));
    }
    return await tail.follow(follower, from);
  }

  stop(): void {
    for (const tail of this.#tails.values()) tail.stop();
  }
}

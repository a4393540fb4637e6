import { RedisRefusal, type RedisKeyWatch } from "../../redis/index.ts";
import { PRIORITY_STEPS } from "../priority.ts";
import { LOOK } from "./take.ts";
import { delayedKey, listKey, toList, type TaskRedis } from "./task-redis.ts";

/** Even when nothing was heard, a worker looks after so long. */
const QUIET_MS = 900;
/** How often to look where Redis cannot tell. */
const POLL_MS = 50;

/** What a look found. */
interface Look {
  readonly queues: string;
  /** Nothing is waiting, unless this changes. */
  readonly touches: number;
  readonly until: number;
  readonly dueAt: number | null;
}

/**
 * Knows that queues are empty, and hears when they are no longer.
 *
 * Python only pushes into a list, so no channel tells of its messages. A blocking pop would tell, but
 * what it pops is nowhere until it has been written down as taken; one that moves from list to list
 * waits for one list only, and a queue has four. Redis' client tracking tells of the first change of
 * any of the keys that were looked at, whoever makes it, without taking anything and without asking
 * again and again. A Redis without it is asked 20 times a second.
 */
export class QueueWatch {
  readonly #redis: TaskRedis;
  readonly #onTouch: () => void;
  #watch: RedisKeyWatch | undefined;
  #touches = 0;
  #quiet: Look | undefined;
  #canTrack = true;
  #poll: NodeJS.Timeout | undefined;

  constructor(redis: TaskRedis, onTouch: () => void) {
    this.#redis = redis;
    this.#onTouch = onTouch;
  }

  /** Whether nothing can have come since the last look. */
  isQuiet(queues: readonly string[], now: number): boolean {
    const quiet = this.#quiet;
    if (quiet?.touches !== this.#touches || quiet.queues !== queues.join("\0")) return false;
    return performance.now() < quiet.until && (quiet.dueAt === null || now < quiet.dueAt);
  }

  /** Says that something has changed. */
  touch(): void {
    this.#touches++;
    this.#onTouch();
  }

  /** When the next delayed message is due. Calls `onTouch` if something waits already. */
  async look(queues: readonly string[]): Promise<number | null> {
    const keys = [
      ...queues.map(delayedKey),
      ...PRIORITY_STEPS.flatMap((step) => queues.map((queue) => listKey(queue, step))),
    ];
    const touches = this.#touches;
    const [waiting, due] = toList(await this.#read(keys, String(queues.length)));
    const dueAt = due === null || due === undefined ? null : Number(due);
    if (Number(waiting) > 0) this.touch();
    else {
      const until = performance.now() + QUIET_MS;
      this.#quiet = { queues: queues.join("\0"), touches, until, dueAt };
    }
    return dueAt;
  }

  /** Listens with new connections from the next look. */
  async reconnect(): Promise<void> {
    const watch = this.#watch;
    this.#watch = undefined;
    this.#quiet = undefined;
    await watch?.close();
  }

  async close(): Promise<void> {
    clearTimeout(this.#poll);
    await this.#watch?.close();
  }

  async #read(keys: readonly string[], count: string): Promise<ReturnType<typeof toList>> {
    if (this.#canTrack) {
      try {
        return toList(
          await this.#redis.run((redis) => {
            this.#watch ??= redis.watchKeys(() => this.touch());
            return this.#watch.read(LOOK, keys, [count]);
          }),
        );
      } catch (error) {
        if (!(error instanceof Error && error.cause instanceof RedisRefusal)) throw error;
        this.#canTrack = false;
      }
    }
    clearTimeout(this.#poll);
    this.#poll = setTimeout(() => this.touch(), POLL_MS);
    return toList(await this.#redis.run((redis) => redis.script(LOOK, keys, [count])));
  }
}

import { randomUUID } from "node:crypto";

import { readEnvelope, rewriteEnvelope } from "./envelope.ts";
import { readTaken } from "./taken-message.ts";
import { listKey, toList, type TaskRedis } from "./task-redis.ts";

/** How often to look, at most. */
const INTERVAL_MS = 60_000;
/** At most so many at a time. */
const LIMIT = 100;
/** Nobody else sweeps meanwhile; "PX 300000". */
const MUTEX_MS = 300_000;

/** Ends what `SET NX` began, unless it has passed to others. */
const RELEASE = {
  source: `if redis.call("GET", KEYS[1]) == ARGV[1] then redis.call("DEL", KEYS[1]) end`,
};

/**
 * Puts messages back that Python workers took and neither finished nor gave back, as those do.
 *
 * Theirs have no lease, only the time at which they were taken; ours are refreshed and never this old.
 * The mutex is kombu's, so that one process at a time sweeps, in whatever language it is written.
 */
export class VisibilitySweep {
  readonly #redis: TaskRedis;
  readonly #visibilityMs: number;
  #sweptAt = -Infinity;

  constructor(redis: TaskRedis, visibilityMs: number) {
    this.#visibilityMs = visibilityMs;
    this.#redis = redis;
  }

  /** Returns how many messages were put back; looks only now and then. */
  async sweep(now: number): Promise<number> {
    if (Math.abs(now - this.#sweptAt) < Math.min(INTERVAL_MS, this.#visibilityMs)) return 0;
    this.#sweptAt = now;
    const { since } = this.#redis.keys;
    const before = String((now - this.#visibilityMs) / 1_000);
    const words = ["ZRANGEBYSCORE", since, "-inf", before, "LIMIT", "0", String(LIMIT)];
    const lost = toList(await this.#redis.run((redis) => redis.command(words)));
    if (lost.length === 0) return 0;
    const token = randomUUID();
    const set = ["SET", "unacked_mutex", token, "PX", String(MUTEX_MS), "NX"];
    if ((await this.#redis.run((redis) => redis.command(set))) === null) return 0;
    try {
      const restored = await Promise.all(lost.map((tag) => this.#restore(String(tag))));
      return restored.filter(Boolean).length;
    } finally {
      await this.#redis.run((redis) => redis.script(RELEASE, ["unacked_mutex"], [token]));
    }
  }

  async #restore(tag: string): Promise<boolean> {
    const { taken } = this.#redis.keys;
    const value = await this.#redis.run((redis) => redis.command(["HGET", taken, tag]));
    if (value === null) return false;
    const { text, queue } = readTaken(String(value));
    const { message, marks, step } = readEnvelope(text, tag);
    const restored = rewriteEnvelope(queue, message, { ...marks, runs: marks.runs + 1 });
    const end = {
      field: tag,
      mode: "front",
      target: listKey(queue, step),
      id: "",
      time: 0,
    } as const;
    const { ended } = await this.#redis.settle({ end: { ...end, text: restored }, record: null });
    return ended;
  }
}

import { readEnvelope, rewriteEnvelope } from "./envelope.ts";
import { LIST_EXPIRED } from "./settle.ts";
import { readTaken } from "./taken-message.ts";
import { listKey, toList, type TaskRedis } from "./task-redis.ts";

/** So many are listed at once. */
const LISTED = 100;

/** Puts messages back whose worker died: their lease has run out. */
export class ExpiredLeases {
  readonly #redis: TaskRedis;

  constructor(redis: TaskRedis) {
    this.#redis = redis;
  }

  /** Returns how many were put back. `time` is the time in ms, or "" for the clock of Redis. */
  async restore(time: string): Promise<number> {
    const { taken, leases } = this.#redis.keys;
    for (let restored = 0; ;) {
      const [now, ...expired] = toList(
        await this.#redis.run((redis) => redis.script(LIST_EXPIRED, [taken, leases], [time])),
      );
      const restoring: Promise<boolean>[] = [];
      for (let index = 0; index < expired.length; index += 2) {
        const value = String(expired[index + 1]);
        restoring.push(this.#restore(String(expired[index]), value, Number(now)));
      }
      const successes = (await Promise.all(restoring)).filter(Boolean).length;
      restored += successes;
      if (successes < LISTED) return restored;
    }
  }

  /** Puts what a dead worker had where it is taken next. */
  async #restore(field: string, value: string, time: number): Promise<boolean> {
    const { text, queue } = readTaken(value);
    const { message, marks, step } = readEnvelope(text, field);
    const restored = rewriteEnvelope(queue, message, {
      runs: marks.runs + 1,
      lostLeases: marks.lostLeases + 1,
      dueAt: null,
    });
    const place = { field, mode: "restore", target: listKey(queue, step) } as const;
    const end = { ...place, text: restored, id: message.id, time };
    return (await this.#redis.settle({ end, record: null })).ended;
  }
}

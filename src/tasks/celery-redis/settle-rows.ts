import { TidingsError } from "../../core/errors.ts";
import type { RedisReply } from "../../redis/index.ts";
import type { Settled, SettleItem, TaskKeys } from "./task-redis.ts";

/** Items as the script `SETTLE` takes them, and what it says of each. */
export class SettleRows {
  readonly keys: string[];
  readonly #keysOfDead: readonly string[];
  readonly #fields: string[] = [];
  readonly #words: string[] = [];

  constructor({ taken, since, leases, delayed, dead, deadLetters }: TaskKeys) {
    this.keys = [taken, since, leases, delayed];
    this.#keysOfDead = [dead, deadLetters];
  }

  get words(): readonly string[] {
    return [String(this.#fields.length), ...this.#fields, ...this.#words];
  }

  add({ end, record, letter, sends = [] }: SettleItem): void {
    const { keys } = this;
    const words = this.#words;
    const of = String(end ? this.#fields.push(end.field) : 0);
    for (const { key, text } of sends) {
      keys.push(key);
      words.push("also", of, text);
    }
    if (letter) {
      const { text, id, diedAt, maxCount } = letter;
      keys.push(...this.#keysOfDead);
      words.push("bury", of, text, id, String(diedAt), String(maxCount));
    }
    if (record) {
      keys.push(record.key);
      words.push("store", of, record.text, String(record.expireSeconds));
    }
    if (!end) return;
    words.push(end.mode, of);
    if (end.mode === "ack") return;
    keys.push(end.target);
    words.push(end.text);
    if (end.mode === "delay") words.push(end.id);
    if (end.mode === "delay" || end.mode === "restore") words.push(String(end.time));
  }
}

/** How many rows an item has. */
export function countRows({ end, record, letter, sends = [] }: SettleItem): number {
  return sends.length + (letter ? 1 : 0) + (record ? 1 : 0) + (end ? 1 : 0);
}

/**
 * Reads what the script says of the rows of one item.
 *
 * @throws {TidingsError} STORAGE_UNAVAILABLE when Redis could not do one of them.
 */
export function readSettled({ end, record }: SettleItem, replies: readonly RedisReply[]): Settled {
  for (const reply of replies) {
    if (typeof reply !== "number") throw new TidingsError("STORAGE_UNAVAILABLE", String(reply));
  }
  const ended = end === null || replies.at(-1) === 1;
  return { ended, revision: record ? Number(replies.at(end ? -2 : -1)) : 0 };
}

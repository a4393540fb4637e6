import type { Delivery } from "../brokers/broker.ts";
import { readEnvelope } from "../celery-redis/envelope.ts";
import { readTaken } from "../celery-redis/taken-message.ts";
import { toList, type LetterWrite, type TaskRedis } from "../celery-redis/task-redis.ts";
import {
  MAX_EXPIRED,
  MAX_PAGE_BYTES,
  NUMBERED_PLACE,
  toBounds,
  toPlace,
  type DeadLetterBounds,
  type DeadLetterPage,
  type DeadLetterRequest,
  type DeadLetterStore,
} from "./dead-letter-store.ts";
import type { DeadLetter, Death } from "./dead-letter.ts";
import { parseFields, toFacts } from "./letter-facts.ts";

/**
 * Reads a page of dead letters.
 *
 * KEYS     their places (sorted set); the letters (hash)
 * ARGV     the place before it; at most so many; a page ends with the letter that exceeds so many bytes
 * returns  whether there are more; then place, id and letter, for each one
 */
const READ = {
  source: `
local limit, maxBytes, bytes = tonumber(ARGV[2]), tonumber(ARGV[3]), 0
local found = redis.call("ZRANGEBYSCORE", KEYS[1], "(" .. ARGV[1], "+inf", "WITHSCORES", "LIMIT", 0, limit + 1)
local replies = { 0 }
for index = 1, #found, 2 do
  if index > 2 * limit or bytes > maxBytes then
    replies[1] = 1
    break
  end
  local letter = redis.call("HGET", KEYS[2], found[index]) or ""
  bytes = bytes + #letter
  replies[#replies + 1] = found[index + 1]
  replies[#replies + 1] = found[index]
  replies[#replies + 1] = letter
end
return replies
`,
};

/** Drops letters older than a place. KEYS: places, letters; ARGV: the place. Returns how many. */
const EXPIRE = {
  source: `
local ids = redis.call("ZRANGEBYSCORE", KEYS[1], "-inf", "(" .. ARGV[1], "LIMIT", 0, ${MAX_EXPIRED})
if #ids == 0 then return 0 end
redis.call("HDEL", KEYS[2], unpack(ids))
return redis.call("ZREM", KEYS[1], unpack(ids))
`,
};

/** What Redis needs of its broker. */
export interface RedisDeadLettersOptions {
  readonly bounds?: DeadLetterBounds | undefined;
  readonly now: () => number;
  /** Ends a delivery and keeps a letter in one step; `false` when the lease is lost. */
  readonly bury: (delivery: Delivery, letter: LetterWrite) => Promise<boolean>;
}

/**
 * The dead letters of a Redis.
 *
 * A message becomes one in the script that ends its delivery, byte for byte as it was sent.
 */
export class RedisDeadLetters implements DeadLetterStore {
  readonly #redis: TaskRedis;
  readonly #options: RedisDeadLettersOptions;
  readonly #bounds: ReturnType<typeof toBounds>;

  constructor(redis: TaskRedis, options: RedisDeadLettersOptions) {
    this.#redis = redis;
    this.#options = options;
    this.#bounds = toBounds(options.bounds);
  }

  bury(delivery: Delivery, death: Death): Promise<boolean> {
    return this.#options.bury(delivery, this.toWrite(delivery, death));
  }

  /** What the script that ends a delivery keeps of it. */
  toWrite({ id, runs, lostLeases }: Delivery, death: Death): LetterWrite {
    const text = JSON.stringify({ ...death, runs, lostLeases });
    return { text, id, diedAt: death.diedAt, maxCount: this.#bounds.maxCount };
  }

  async read(request: DeadLetterRequest): Promise<DeadLetterPage> {
    const after = toPlace(request, NUMBERED_PLACE) ?? "-inf";
    const words = [after, String(request.limit), String(MAX_PAGE_BYTES)];
    const [isMore, ...found] = toList(
      await this.#redis.run((redis) => redis.script(READ, this.#keys, words)),
    );
    const letters: DeadLetter[] = [];
    for (let index = 0; index < found.length; index += 3) {
      const [id, text] = [String(found[index + 1]), String(found[index + 2])];
      if (text !== "") letters.push(readLetter(id, text));
    }
    return { letters, next: isMore === 1 ? String(found.at(-3)) : null };
  }

  async get(id: string): Promise<DeadLetter | null> {
    const [, letters = ""] = this.#keys;
    const text = await this.#redis.run((redis) => redis.command(["HGET", letters, id]));
    return text === null ? null : readLetter(id, String(text));
  }

  async remove(id: string): Promise<boolean> {
    const [places = "", letters = ""] = this.#keys;
    const [removed] = await this.#redis.run((redis) =>
      redis.transaction([
        ["HDEL", letters, id],
        ["ZREM", places, id],
      ]),
    );
    return removed === 1;
  }

  async count(): Promise<number> {
    const [places = ""] = this.#keys;
    return Number(await this.#redis.run((redis) => redis.command(["ZCARD", places])));
  }

  async expire(): Promise<number> {
    const before = String(this.#options.now() - this.#bounds.maxAgeMs);
    return Number(await this.#redis.run((redis) => redis.script(EXPIRE, this.#keys, [before])));
  }

  get #keys(): readonly string[] {
    return [this.#redis.keys.dead, this.#redis.keys.deadLetters];
  }
}

/** Its first line is what is said of it; the rest is the message as it was taken. */
function readLetter(id: string, text: string): DeadLetter {
  const end = text.indexOf("\n");
  const taken = readTaken(text.slice(end + 1));
  return {
    id,
    queue: taken.queue,
    ...toFacts(parseFields(text.slice(0, end))),
    message: readEnvelope(taken.text, id).message,
  };
}

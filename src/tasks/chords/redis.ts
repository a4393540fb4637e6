import { isRecord } from "../../core/is-record.ts";
import type { RedisScript } from "../../redis/index.ts";
import { fromResultTuple, toResultTuple } from "../celery-redis/result-tuple.ts";
import { toList, type TaskRedis } from "../celery-redis/task-redis.ts";
import { fromPythonError, toPythonError } from "../message/python-error.ts";
import { writePythonJson } from "../message/python-json.ts";
import { readTypedJson } from "../message/typed-json.ts";
import type { TaskChild } from "../results/task-record.ts";
import { TASK_STATES } from "../states.ts";
import type { ChordPart, ChordStore } from "./chord-store.ts";

/**
 * Chords in Redis, as Celery keeps them: members that run in Python and here finish each other's chords.
 *
 * Bound: the memory of Redis. What belongs to a chord expires as records do, after its last part.
 */
export class RedisChords implements ChordStore {
  readonly #redis: TaskRedis;
  readonly #expireSeconds: string;

  constructor(redis: TaskRedis, expireSeconds: number) {
    this.#redis = redis;
    this.#expireSeconds = String(expireSeconds);
  }

  async setSize(groupId: string, size: number): Promise<void> {
    await this.#set(`${keyOf(groupId)}.s`, String(size));
  }

  async addPart(groupId: string, part: ChordPart): Promise<readonly ChordPart[] | null> {
    const key = keyOf(groupId);
    const score = part.index === null ? "+inf" : String(part.index);
    const start = `[1, ${writePythonJson(part.id, "the id of a task")}, `;
    const words = [writePart(part), score, start, this.#expireSeconds, part.id];
    const keys = [`${key}.j`, `${key}.t`, `${key}.s`, `${key}.tidings`];
    const reply = await this.#redis.run((redis) => redis.script(ADD_PART, keys, words));
    if (reply === null) return null;
    return toList(reply).map((text, index) => readPart(String(text), index));
  }

  async forget(groupId: string): Promise<void> {
    const key = keyOf(groupId);
    const keys = [`${key}.j`, `${key}.t`, `${key}.s`, `${key}.tidings`];
    await this.#redis.run((redis) => redis.command(["DEL", ...keys]));
  }

  async saveGroup(group: TaskChild): Promise<void> {
    const text = writePythonJson({ result: toResultTuple(group) }, "a group");
    await this.#set(keyOf(group.id), text);
  }

  async loadGroup(groupId: string): Promise<TaskChild | null> {
    const text = await this.#redis.run((redis) => redis.command(["GET", keyOf(groupId)]));
    const saved = text === null ? null : parse(String(text));
    const [group = null] = isRecord(saved) ? fromResultTuple(saved["result"]) : [];
    return group;
  }

  /** "SETEX + PUBLISH" */
  async #set(key: string, text: string): Promise<void> {
    await this.#redis.run((redis) =>
      redis.transaction([
        ["SETEX", key, this.#expireSeconds, text],
        ["PUBLISH", key, text],
      ]),
    );
  }
}

/**
 * Adds the part of a task once, and returns all parts when they are as many as the chord has members.
 *
 * "`[1, "<task_id>", "<STATE>", <result>]`, score = group_index". A part of the same task that is there
 * already has the same score, so that only its equals are looked at. `>=` where Python compares with `==`:
 * a task that ran twice with two results does not stop the chord.
 *
 * KEYS     parts; how many tasks were added to the chord; its size; who was told of its end
 * ARGV     the part; its place; what parts of its task begin with; how long all live in seconds; the task
 * returns  the parts in their order, or nothing
 */
const ADD_PART: RedisScript = {
  source: `
local isThere = false
for _, text in ipairs(redis.call("ZRANGEBYSCORE", KEYS[1], ARGV[2], ARGV[2])) do
  if string.sub(text, 1, #ARGV[3]) == ARGV[3] then isThere = true end
end
if not isThere then redis.call("ZADD", KEYS[1], ARGV[2], ARGV[1]) end
for key = 1, 3 do redis.call("EXPIRE", KEYS[key], ARGV[4]) end
local size = redis.call("GET", KEYS[3])
if not size then return false end
local added = redis.call("GET", KEYS[2]) or 0
if redis.call("ZCARD", KEYS[1]) < tonumber(size) + tonumber(added) then return false end
redis.call("SET", KEYS[4], ARGV[5], "EX", ARGV[4], "NX")
if redis.call("GET", KEYS[4]) ~= ARGV[5] then return false end
return redis.call("ZRANGE", KEYS[1], 0, -1)
`,
};

function writePart({ id, state, result, error }: ChordPart): string {
  const value = error ? toPythonError(error) : result;
  return writePythonJson([1, id, state, value], "the part of a chord");
}

/** What cannot be read has failed: the chord must not wait for ever. */
function readPart(text: string, index: number): ChordPart {
  const [, id, status, value]: readonly unknown[] = [parse(text)].flat();
  const state = TASK_STATES.find((known) => known === status) ?? "FAILURE";
  const isSuccess = state === "SUCCESS";
  return {
    id: typeof id === "string" ? id : "",
    index,
    state,
    result: isSuccess ? (value ?? null) : null,
    error: isSuccess ? null : fromPythonError(value),
  };
}

function parse(text: string): unknown {
  try {
    return readTypedJson(text);
  } catch {
    // Whoever asked sees that there is nothing.
    return null;
  }
}

function keyOf(groupId: string): string {
  return `celery-taskset-meta-${groupId}`;
}

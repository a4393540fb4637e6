import type { RedisScript } from "../../redis/index.ts";
import { readNow } from "../celery-redis/read-now.ts";
import {
  CALL_MORE,
  CALL_MS,
  FORGET_MS,
  HEAD_START_MS,
  LOOKS_PER_SECOND,
  MAX_LINE,
} from "./limit-store.ts";

/**
 * Lua that frees the slots of a key, and calls who may come in.
 *
 * Of each key there are: `held`, who has a slot and until when (sorted set); `line`, who waits with its
 * number (sorted set); `state`, its number of slots, when one was freed, when a rate is due next, the last
 * number of the line, up to which number they were called, and the queue `q:<id>` of each who waits (hash).
 * The slots of all keys are in one more sorted set, as `<key> <holder>`; so are the keys that somebody was called for.
 */
const SLOTS = `
local function free(key, holder, now)
  redis.call("ZREM", KEYS[1], key .. " " .. holder)
  if redis.call("ZREM", key .. ".held", holder) == 1 then redis.call("HSET", key .. ".state", "freed", now) end
end
local function freeDead(key, now)
  local dead = redis.call("ZRANGEBYSCORE", key .. ".held", "-inf", now)
  for _, holder in ipairs(dead) do free(key, holder, now) end
  if #dead > 0 then redis.call("ZADD", KEYS[3], "NX", now, key) end
end
local function leave(key, id)
  redis.call("ZREM", key .. ".line", id)
  redis.call("HDEL", key .. ".state", "q:" .. id)
end
local function join(key, id, queue)
  local line = key .. ".line"
  if redis.call("ZCARD", line) >= ${MAX_LINE} or redis.call("ZSCORE", line, id) then return end
  redis.call("ZADD", line, redis.call("HINCRBY", key .. ".state", "number", 1), id)
  redis.call("HSET", key .. ".state", "q:" .. id, queue)
end
local function fieldOf(key, name) return tonumber(redis.call("HGET", key .. ".state", name) or 0) end
local function callNext(key, replies, now, more)
  local free = fieldOf(key, "slots") - redis.call("ZCARD", key .. ".held")
  local ids = free > 0 and redis.call("ZRANGE", key .. ".line", 0, free + more - 1) or {}
  if #ids == 0 then
    redis.call("ZREM", KEYS[3], key)
    return
  end
  redis.call("ZADD", KEYS[3], now, key)
  local last = tonumber(redis.call("ZSCORE", key .. ".line", ids[#ids]))
  if last > fieldOf(key, "called") then redis.call("HSET", key .. ".state", "called", last) end
  for _, id in ipairs(ids) do
    replies[#replies + 1] = id
    replies[#replies + 1] = redis.call("HGET", key .. ".state", "q:" .. id)
  end
end`;

/**
 * Lets a run past all of its limits, or past none, as `limits/turns.ts` has it.
 *
 * KEYS       the slots of all keys; when the next of those who wait looks; who has been called
 * ARGV[1…6]  the time in ms, or ""; the id; its queue; the holder; the lease in ms; the look in ms
 * ARGV[7…]   for each limit: its key; "slots" or "rate"; how many slots or runs; in how many ms
 * returns    nothing when it is admitted; or after how many ms to ask again, and the index of the limit
 */
export const ADMIT: RedisScript = {
  source: `
${readNow("ARGV[1]")}
local id, queue, holder, lease, look = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
${SLOTS}
local function rankOf(key)
  return redis.call("ZRANK", key .. ".line", id) or redis.call("ZCARD", key .. ".line")
end
local function rateTurn(key, count, per)
  local interval, rank = per / count, rankOf(key)
  local due = math.min(tonumber(redis.call("HGET", key .. ".state", "next") or 0), now + interval)
  local slack = math.min(math.max(interval / 2, 20), 100)
  local start = math.max(due, now - slack)
  local tokens = start > now and 0 or math.floor((now - start) / interval) + 1
  local passed = tokens > 0 and now - due >= ${HEAD_START_MS} and tokens or 0
  if tokens > rank then return 0, 0, start + interval end
  if passed > 0 then return 0, passed, start + interval end
  redis.call("HSET", key .. ".state", "next", string.format("%.3f", due))
  return math.max(math.ceil(start + rank * interval - now), 1)
end
local function slotTurn(key, slots)
  freeDead(key, now)
  redis.call("HSET", key .. ".state", "slots", slots)
  local open = slots - redis.call("ZCARD", key .. ".held")
  if open > rankOf(key) then return 0, 0 end
  local freed = tonumber(redis.call("HGET", key .. ".state", "freed") or 0)
  if open <= 0 then return false end
  local wait = math.max(math.ceil(freed + ${HEAD_START_MS} - now), 0)
  return wait, wait == 0 and open or 0
end
local function keep(key, due)
  local ms = string.format("%d", math.max(${FORGET_MS}, (due or 0) - now + 1000))
  for _, name in ipairs({ ".held", ".line", ".state" }) do redis.call("PEXPIRE", key .. name, ms) end
end
local function refuse(refusing, wait)
  for index = 7, #ARGV, 4 do
    local key = ARGV[index]
    if index ~= refusing then
      leave(key, id)
    else
      join(key, id, queue)
    end
    keep(key, tonumber(redis.call("HGET", key .. ".state", "next") or 0))
  end
  if wait and wait <= look then return wait end
  local at = math.max(tonumber(redis.call("GET", KEYS[2]) or 0), now + look)
  if wait and now + wait <= at then return wait end
  local nextAt = at + ${1_000 / LOOKS_PER_SECOND}
  redis.call("SET", KEYS[2], string.format("%.3f", nextAt), "PX", string.format("%d", nextAt - now + 1000))
  return math.ceil(at - now)
end
local turns = {}
for index = 7, #ARGV, 4 do
  local key, amount, per = ARGV[index], tonumber(ARGV[index + 2]), tonumber(ARGV[index + 3])
  local wait, passed, due
  if ARGV[index + 1] == "rate" then wait, passed, due = rateTurn(key, amount, per)
  else wait, passed = slotTurn(key, amount) end
  if wait ~= 0 then return { refuse(index, wait), (index - 7) / 4 } end
  turns[index] = { passed, due }
end
for index, turn in pairs(turns) do
  local key, passed, due = ARGV[index], turn[1], turn[2]
  leave(key, id)
  if passed > 0 then
    -- Of those who wait for a slot, whoever was not called does not know that it is free.
    local last = due and "+inf" or fieldOf(key, "called")
    local others = redis.call("ZRANGEBYSCORE", key .. ".line", "-inf", last, "LIMIT", 0, passed)
    for _, other in ipairs(others) do leave(key, other) end
  end
  if due then
    redis.call("HSET", key .. ".state", "next", string.format("%.3f", due))
  else
    local deadline = string.format("%d", now + lease)
    redis.call("ZADD", key .. ".held", deadline, holder)
    redis.call("ZADD", KEYS[1], deadline, key .. " " .. holder)
  end
  keep(key, due)
end
return {}
`,
};

/**
 * Keeps the place of a task whose message has been put back, and lists who may come in.
 *
 * KEYS       the slots of all keys; the looks; who has been called
 * ARGV[1…4]  the time in ms, or ""; the key; the id; its queue
 * returns    for each who may come in: its id; its queue
 */
export const WAIT: RedisScript = {
  source: `
${readNow("ARGV[1]")}
${SLOTS}
local replies = {}
join(ARGV[2], ARGV[3], ARGV[4])
-- Whoever called it meanwhile has not found it.
local number = tonumber(redis.call("ZSCORE", ARGV[2] .. ".line", ARGV[3]) or "inf")
if number <= fieldOf(ARGV[2], "called") then redis.call("HSET", ARGV[2] .. ".state", "called", number - 1) end
callNext(ARGV[2], replies, now, 0)
for _, name in ipairs({ ".line", ".state" }) do redis.call("PEXPIRE", ARGV[2] .. name, ${FORGET_MS}) end
return replies
`,
};

/**
 * Extends slots.
 *
 * KEYS       the slots of all keys; the looks; who has been called
 * ARGV[1…2]  the lease in ms; the time in ms, or ""
 * ARGV[3…]   for each slot: its key; the holder
 * returns    for each slot, 1 if it is held still
 */
export const RENEW_SLOTS: RedisScript = {
  source: `
${readNow("ARGV[2]")}
local replies, deadline = {}, string.format("%d", now + ARGV[1])
for index = 3, #ARGV, 2 do
  local key, holder = ARGV[index], ARGV[index + 1]
  local isHeld = tonumber(redis.call("ZSCORE", key .. ".held", holder) or 0) > now
  if isHeld then
    redis.call("ZADD", key .. ".held", deadline, holder)
    redis.call("ZADD", KEYS[1], deadline, key .. " " .. holder)
    for _, name in ipairs({ ".held", ".line", ".state" }) do redis.call("PEXPIRE", key .. name, ${FORGET_MS}) end
  end
  replies[#replies + 1] = isHeld and 1 or 0
end
return replies
`,
};

/**
 * Frees slots, and lists who may come in.
 *
 * KEYS     the slots of all keys; the looks; who has been called
 * ARGV[1]  the time in ms, or ""
 * ARGV[2…] for each slot: its key; the holder
 * returns  for each who may come in: its id; its queue
 */
export const RELEASE_SLOTS: RedisScript = {
  source: `
${readNow("ARGV[1]")}
${SLOTS}
local replies = {}
for index = 2, #ARGV, 2 do
  local key = ARGV[index]
  free(key, ARGV[index + 1], now)
  callNext(key, replies, now, 0)
end
return replies
`,
};

/**
 * Frees at most a hundred slots whose leases ran out, and lists who may come in; and who is next where
 * those who were called have not come.
 *
 * KEYS     the slots of all keys; the looks; who has been called
 * ARGV[1]  the time in ms, or ""
 * returns  for each who may come in: its id; its queue
 */
export const RECLAIM_SLOTS: RedisScript = {
  source: `
${readNow("ARGV[1]")}
${SLOTS}
local replies = {}
for _, member in ipairs(redis.call("ZRANGEBYSCORE", KEYS[1], "-inf", now, "LIMIT", 0, 100)) do
  local key, holder = string.match(member, "^(%S+) (%S+)$")
  free(key, holder, now)
  callNext(key, replies, now, 0)
end
for _, key in ipairs(redis.call("ZRANGEBYSCORE", KEYS[3], "-inf", now - ${CALL_MS}, "LIMIT", 0, 100)) do
  if fieldOf(key, "slots") > redis.call("ZCARD", key .. ".held") then
    local called = redis.call("ZRANGEBYSCORE", key .. ".line", "-inf", fieldOf(key, "called"))
    for _, id in ipairs(called) do leave(key, id) end
  end
  callNext(key, replies, now, ${CALL_MORE})
end
return replies
`,
};

/**
 * Gives a key to a task.
 *
 * KEYS       the key
 * ARGV[1…4]  the id; "1" if it is firm, or "0"; how long in ms; "claim", "keep" or "replace"
 * returns    nothing, or what another has there
 */
export const CLAIM: RedisScript = {
  source: `
local found = redis.call("GET", KEYS[1])
local isOwn = found and string.sub(found, 2) == ARGV[1]
if ARGV[4] == "claim" and found and not isOwn then return found end
if ARGV[4] == "keep" and not isOwn then return found end
redis.call("SET", KEYS[1], ARGV[2] .. ARGV[1], "PX", ARGV[3])
return not isOwn and found
`,
};

/** Gives a key back. KEYS: the key. ARGV[1]: the id. */
export const UNCLAIM: RedisScript = {
  source: `
local found = redis.call("GET", KEYS[1])
if found and string.sub(found, 2) == ARGV[1] then redis.call("DEL", KEYS[1]) end
return 1
`,
};

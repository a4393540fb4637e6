import type { RedisScript } from "../../redis/index.ts";
import { readNow } from "./read-now.ts";

/**
 * Ends deliveries, and does what is to be done if they end, one row after another.
 *
 * A delivery ends only for who holds its lease; the other rows of a delivery come before the one that ends
 * it, and do nothing unless it is held. A record that is final, or of a later run, stays as it is.
 *
 * KEYS[1…4]  what is taken; when it was; leases; delayed messages
 * KEYS[5…]   the keys of each row
 * ARGV[1…]   how many deliveries, and their fields
 * then       for each row its kind, which delivery it is of, or 0 for none, and its words:
 *            store (record): the text of a record of the first revision; how long it lives in seconds
 *            also (list): a message that is sent
 *            bury (dead, dead letters): what is said of the dead letter; its id; when it died; how many there may be
 *            ack: nothing becomes of the message
 *            front, back (list): the message, which is put back
 *            delay (delayed messages of its queue): the message; its id; when it is due in ms
 *            restore (list): the message; the time in ms. Only if the lease has run out
 * returns    for each row: 1 if it was done, or of a record the revision; 0 if not; or why it could not be done
 */
export const SETTLE: RedisScript = {
  source: `
local taken, since, leases, delayed = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local deliveries = tonumber(ARGV[1])
local held, fields, failures = {}, {}, {}
for index = 2, deliveries + 1 do
  held[ARGV[index]] = redis.call("HEXISTS", taken, ARGV[index]) == 1
end
local finals = { SUCCESS = true, FAILURE = true, REVOKED = true }
local function store(_, key, word)
  local record, text, seconds = KEYS[key], ARGV[word], ARGV[word + 1]
  local revision = 1
  if not redis.call("SET", record, text, "EX", seconds, "NX") then
    local old = redis.call("GET", record)
    if finals[string.match(old, '^{"status": ?"(%u+)"')] then return 0 end
    local head, runs, tail = string.match(text, '^(.*"runs":(%d+),"revision":)1(},"task_id":.*)$')
    local tailOfOld = string.sub(old, -(2 * #record + 100))
    local oldRuns, oldRevision = string.match(tailOfOld, '^.*"runs":(%d+),"revision":(%d+)},"task_id":')
    if oldRuns and tonumber(oldRuns) > tonumber(runs) then return 0 end
    revision = (oldRevision or 0) + 1
    text = head .. string.format("%d", revision) .. tail
    redis.call("SETEX", record, seconds, text)
  end
  redis.call("PUBLISH", record, text)
  return revision
end
local function also(_, key, word)
  redis.call("LPUSH", KEYS[key], ARGV[word])
  return 1
end
-- A letter is what is said of it, and the message as it was taken. Its place is when it died, or the next.
local function bury(field, key, word)
  local places, letters, about, id = KEYS[key], KEYS[key + 1], ARGV[word], ARGV[word + 1]
  local place, max = tonumber(ARGV[word + 2]), tonumber(ARGV[word + 3])
  local value = redis.call("HGET", taken, field)
  if not value then return 0 end
  local last = redis.call("ZREVRANGE", places, 0, 0, "WITHSCORES")[2]
  if last and tonumber(last) >= place then place = tonumber(last) + 1 end
  redis.call("HSET", letters, id, about .. "\\n" .. value)
  redis.call("ZADD", places, string.format("%d", place), id)
  local excess = redis.call("ZCARD", places) - max
  if excess > 0 then
    local oldest = redis.call("ZRANGE", places, 0, math.min(excess, 1000) - 1)
    redis.call("ZREM", places, unpack(oldest))
    redis.call("HDEL", letters, unpack(oldest))
  end
  return 1
end
local function ack() return 1 end
local function front(_, key, word)
  redis.call("RPUSH", KEYS[key], ARGV[word])
  return 1
end
local function delay(_, key, word)
  local name = ARGV[word + 1]
  while redis.call("HEXISTS", delayed, name) == 1 do name = name .. "+" end
  redis.call("HSET", delayed, name, ARGV[word])
  redis.call("ZADD", KEYS[key], ARGV[word + 2], name)
  return 1
end
local function restore(field, key, word)
  local deadline = redis.call("ZSCORE", leases, field)
  if not deadline or tonumber(deadline) > tonumber(ARGV[word + 1]) then return 0 end
  return front(field, key, word)
end
-- What is done, how many keys and words there are for it, and whether it ends the delivery.
local kinds = {
  store = { store, 1, 2 }, also = { also, 1, 1 }, bury = { bury, 2, 4 },
  ack = { ack, 0, 0, true }, front = { front, 1, 1, true }, back = { also, 1, 1, true },
  delay = { delay, 1, 3, true }, restore = { restore, 1, 2, true },
}
local replies, key, word, last = {}, 5, deliveries + 2, #ARGV
while word <= last do
  local kind, of = kinds[ARGV[word]], tonumber(ARGV[word + 1])
  local field = of > 0 and ARGV[of + 1]
  local reply = failures[field] or 0
  if reply == 0 and (not field or held[field]) then
    -- What one row meets is not the business of other deliveries.
    local isDone
    isDone, reply = pcall(kind[1], field, key, word + 2)
    if not isDone then
      reply = type(reply) == "table" and reply.err or tostring(reply)
      -- What cannot send what comes after it does not end.
      if field then failures[field] = reply end
    elseif kind[4] and reply == 1 then
      held[field] = false
      fields[#fields + 1] = field
    end
  end
  replies[#replies + 1] = reply
  key, word = key + kind[2], word + 2 + kind[3]
end
if #fields > 0 then
  redis.call("HDEL", taken, unpack(fields))
  redis.call("ZREM", since, unpack(fields))
  redis.call("ZREM", leases, unpack(fields))
end
return replies
`,
};

/**
 * Extends leases, for our workers and in the eyes of Python's.
 *
 * KEYS       what is taken; when it was; leases
 * ARGV[1…2]  the lease in ms; the time in ms, or ""
 * ARGV[3…]   the fields
 * returns    for each field, 1 if it is held still
 */
export const RENEW: RedisScript = {
  source: `
${readNow("ARGV[2]")}
local replies = {}
for index = 3, #ARGV do
  local isHeld = redis.call("HEXISTS", KEYS[1], ARGV[index])
  if isHeld == 1 then
    redis.call("ZADD", KEYS[2], now / 1000, ARGV[index])
    redis.call("ZADD", KEYS[3], now + ARGV[1], ARGV[index])
  end
  replies[#replies + 1] = isHeld
end
return replies
`,
};

/**
 * Lists leases that have run out, at most a hundred.
 *
 * KEYS     what is taken; leases
 * ARGV[1]  the time in ms, or ""
 * returns  the time in ms; then the field and what was taken, for each one
 */
export const LIST_EXPIRED: RedisScript = {
  source: `
${readNow("ARGV[1]")}
local replies = { string.format("%d", now) }
for _, field in ipairs(redis.call("ZRANGEBYSCORE", KEYS[2], "-inf", now, "LIMIT", 0, 100)) do
  local value = redis.call("HGET", KEYS[1], field)
  if value then
    replies[#replies + 1] = field
    replies[#replies + 1] = value
  else
    redis.call("ZREM", KEYS[2], field)
  end
end
return replies
`,
};

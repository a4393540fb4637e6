import type { RedisScript } from "../../redis/index.ts";
import { readNow } from "./read-now.ts";

/**
 * Ends deliveries and stores records, each pair in one step.
 *
 * A delivery ends only for who holds its lease, and its record is stored only then. A record that is
 * final, or of a later run, stays as it is.
 *
 * KEYS[1…4]  what is taken; when it was; leases; delayed messages
 * KEYS[5…]   for each item: where the message goes; the record
 * ARGV       for each item, eight words:
 *            the field of the delivery, or "" for none;
 *            what becomes of it: ack, front, back, delay, or restore (only if the lease has run out);
 *            or, before the delivery of this field, a later item, ends:
 *            also: the message is sent; bury: it becomes a dead letter, of which the keys are given;
 *            the message as it is put back, or what is said of the dead letter; the id;
 *            when it is due in ms, or the time now for restore, or when it died;
 *            the text of the record up to its revision and after it, or "" for none;
 *            how often the task was run, and how long the record lives in seconds, as "runs:seconds";
 *            for bury, how many dead letters there may be
 * returns    for each item: 1 if the delivery has ended; the revision of the record, or 0 if not stored.
 *            Or -1 and why it could not be done
 */
export const SETTLE: RedisScript = {
  source: `
local taken, since, leases, delayed = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local function holds(field, mode, now)
  if mode == "restore" then
    local deadline = redis.call("ZSCORE", leases, field)
    if not deadline or tonumber(deadline) > tonumber(now) then return false end
  end
  return redis.call("HEXISTS", taken, field) == 1
end
local function putBack(mode, target, item)
  local text, id, due = item[1], item[2], item[3]
  if mode == "back" then
    redis.call("LPUSH", target, text)
  elseif mode == "delay" then
    local name = id
    while redis.call("HEXISTS", delayed, name) == 1 do name = name .. "+" end
    redis.call("HSET", delayed, name, text)
    redis.call("ZADD", target, due, name)
  else
    redis.call("RPUSH", target, text)
  end
end
-- A letter is what is said of it, and the message as it was taken. Its place is when it died, or the next.
local function bury(places, letters, item, max)
  local about, id, place = item[1], item[2], tonumber(item[3])
  local value = redis.call("HGET", taken, item[4])
  if not value then return end
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
end
local finals = { SUCCESS = true, FAILURE = true, REVOKED = true }
local words, runs, seconds
local function store(key, head, tail, ofRecord)
  -- Nearly always those of the record before.
  if ofRecord ~= words then
    words, runs, seconds = ofRecord, string.match(ofRecord, "(%d+):(%d+)")
  end
  local revision, text = 1, head .. "1" .. tail
  if not redis.call("SET", key, text, "EX", seconds, "NX") then
    local old = redis.call("GET", key)
    if finals[string.match(old, '^{"status": ?"(%u+)"')] then return 0 end
    local tailOfOld = string.sub(old, -(2 * #key + 100))
    local oldRuns, oldRevision = string.match(tailOfOld, '^.*"runs":(%d+),"revision":(%d+)},"task_id":')
    if oldRuns and tonumber(oldRuns) > tonumber(runs) then return 0 end
    revision = (oldRevision or 0) + 1
    text = head .. string.format("%d", revision) .. tail
    redis.call("SETEX", key, seconds, text)
  end
  redis.call("PUBLISH", key, text)
  return revision
end
local replies, fields, failures = {}, {}, {}
local function settle(item)
  local target, record, first = KEYS[3 + item * 2], KEYS[4 + item * 2], (item - 1) * 8
  local field, mode, head = ARGV[first + 1], ARGV[first + 2], ARGV[first + 6]
  if mode == "also" then
    if redis.call("HEXISTS", taken, field) == 1 then
      redis.call("LPUSH", target, ARGV[first + 3])
    end
    return 1, 0
  end
  if mode == "bury" then
    bury(target, record, { ARGV[first + 3], ARGV[first + 4], ARGV[first + 5], field }, tonumber(ARGV[first + 8]))
    return 1, 0
  end
  if failures[field] then error(failures[field]) end
  if field ~= "" then
    if mode == "ack" then
      if redis.call("HDEL", taken, field) == 0 then return 0, 0 end
    else
      if not holds(field, mode, ARGV[first + 5]) then return 0, 0 end
      -- It is put back before it is taken out: where that fails, it is held still.
      putBack(mode, target, { ARGV[first + 3], ARGV[first + 4], ARGV[first + 5] })
      redis.call("HDEL", taken, field)
    end
    fields[#fields + 1] = field
  end
  if head == "" then return 1, 0 end
  return 1, store(record, head, ARGV[first + 7], ARGV[first + 8])
end
for item = 1, (#KEYS - 4) / 2 do
  -- What one item meets is not the others' business.
  local isDone, ended, stored = pcall(settle, item)
  if not isDone then
    ended, stored = -1, type(ended) == "table" and ended.err or tostring(ended)
    -- What cannot send what comes after it has not ended.
    failures[ARGV[(item - 1) * 8 + 1]] = stored
  end
  replies[#replies + 1] = ended
  replies[#replies + 1] = stored
end
if #fields > 0 then
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

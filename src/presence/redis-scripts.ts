import type { RedisScript } from "../redis/index.ts";

/**
 * What every script begins with.
 *
 * KEYS[1]  processes (sorted set: id by the end of its lease)
 * KEYS[2]  those who have no session left (sorted set: `[group, key]` by the end of their grace)
 * ARGV[1]  what keys start with: `members:<group>` (hash: key to `{"since", "data"}`), `sessions:<group>`
 *          (hash: key to how many), `process:<id>` (set of `[group, key, session]`)
 */
const OPEN = `
local function clock()
  local time = redis.call("TIME")
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function text(number) return string.format("%.0f", number) end
local prefix, now = ARGV[1], clock()
local function gone(group, key, grace)
  if redis.call("HINCRBY", prefix .. "sessions:" .. group, key, -1) > 0 then return end
  redis.call("HDEL", prefix .. "sessions:" .. group, key)
  redis.call("ZADD", KEYS[2], text(now + grace), cjson.encode({ group, key }))
end
`;

/** ARGV: prefix, process, lease, group, key, session, data as JSON. Returns "joined", "updated" or "", since when, the count. */
export const ENTER: RedisScript = {
  source: `${OPEN}
local process, group, key = ARGV[2], ARGV[4], ARGV[5]
redis.call("ZADD", KEYS[1], text(now + ARGV[3]), process)
if redis.call("SADD", prefix .. "process:" .. process, cjson.encode({ group, key, ARGV[6] })) == 1 then
  redis.call("HINCRBY", prefix .. "sessions:" .. group, key, 1)
end
redis.call("ZREM", KEYS[2], cjson.encode({ group, key }))
local members = prefix .. "members:" .. group
local known = redis.call("HGET", members, key)
local since = known and string.match(known, '^{"since":(%d+)') or text(now)
local member = '{"since":' .. since .. ',"data":' .. ARGV[7] .. "}"
if member ~= known then redis.call("HSET", members, key, member) end
local kind = not known and "joined" or member ~= known and "updated" or ""
return { kind, since, redis.call("HLEN", members) }
`,
};

/** ARGV: prefix, process, grace, group, key, session. */
export const LEAVE: RedisScript = {
  source: `${OPEN}
local session = cjson.encode({ ARGV[4], ARGV[5], ARGV[6] })
if redis.call("SREM", prefix .. "process:" .. ARGV[2], session) == 1 then
  gone(ARGV[4], ARGV[5], ARGV[3])
end
return 0
`,
};

/** ARGV: prefix, process, lease. Returns whether the lease had not ended. */
export const RENEW: RedisScript = {
  source: `${OPEN}
local ends = redis.call("ZSCORE", KEYS[1], ARGV[2])
redis.call("ZADD", KEYS[1], text(now + ARGV[3]), ARGV[2])
return ends and tonumber(ends) > now and 1 or 0
`,
};

/** How many sessions of a dead process, and how many departures, one sweep takes. */
export const SWEEP_SIZE = 200;

/** ARGV: prefix, grace, size. Returns group, key, member and count of each departure, one after another. */
export const SWEEP: RedisScript = {
  source: `${OPEN}
local dead = redis.call("ZRANGEBYSCORE", KEYS[1], "-inf", text(now), "LIMIT", 0, 1)[1]
if dead then
  local sessions = redis.call("SPOP", prefix .. "process:" .. dead, ARGV[3])
  for _, session in ipairs(sessions) do
    local parts = cjson.decode(session)
    gone(parts[1], parts[2], ARGV[2])
  end
  if #sessions == 0 then redis.call("ZREM", KEYS[1], dead) end
end
local left = {}
for _, item in ipairs(redis.call("ZRANGEBYSCORE", KEYS[2], "-inf", text(now), "LIMIT", 0, ARGV[3])) do
  redis.call("ZREM", KEYS[2], item)
  local parts = cjson.decode(item)
  local members = prefix .. "members:" .. parts[1]
  local member = redis.call("HGET", members, parts[2])
  if member then
    redis.call("HDEL", members, parts[2])
    for _, value in ipairs({ parts[1], parts[2], member, redis.call("HLEN", members) }) do
      left[#left + 1] = value
    end
  end
end
return left
`,
};

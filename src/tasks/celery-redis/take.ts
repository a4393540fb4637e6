import type { RedisScript } from "../../redis/index.ts";
import { readNow } from "./read-now.ts";

/**
 * Moves delayed messages that are due into their lists, then leases messages of several queues.
 *
 * What is popped is written down as taken in the same step, in kombu's layout, so that there is no
 * moment at which a message is nowhere. Its field is new with each taking: who holds the field holds
 * the lease.
 *
 * KEYS[1…4]  what is taken (hash); when it was (sorted set); leases (sorted set); delayed messages (hash)
 * KEYS[5…]   for each queue the delayed ones (sorted set); then for each step the list of each queue
 * ARGV[1…5]  how many queues; at most so many messages; the lease in ms; the time in ms, or "" for the
 *            clock of Redis; what the fields begin with
 * ARGV[6…]   for each queue, its name as JSON
 * returns    the time in ms; then the index of the queue and the message, for each one
 */
export const TAKE: RedisScript = {
  source: `
local queues, limit, lease = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
${readNow("ARGV[4]")}
-- Whatever cannot be written to is met here, before anything has been popped.
redis.call("HLEN", KEYS[1])
redis.call("ZCARD", KEYS[2])
redis.call("ZCARD", KEYS[3])
local function listOf(step, queue) return KEYS[4 + queues + step / 3 * queues + queue] end
for queue = 1, queues do
  local due = redis.call("ZRANGEBYSCORE", KEYS[4 + queue], "-inf", now, "LIMIT", 0, limit)
  for _, name in ipairs(due) do
    local value = redis.call("HGET", KEYS[4], name)
    if value then
      redis.call("LPUSH", listOf(tonumber(string.sub(value, 1, 1)), queue), string.sub(value, 2))
    end
  end
  if #due > 0 then
    redis.call("ZREM", KEYS[4 + queue], unpack(due))
    redis.call("HDEL", KEYS[4], unpack(due))
  end
end
-- Written as text once: Redis would print and read a number for each message.
local nowSeconds, deadline = string.format("%.3f", now / 1000), string.format("%d", now + lease)
local replies, taken, since, leases, count = { string.format("%d", now) }, {}, {}, {}, 0
local failure
for step = 0, 9, 3 do
  for queue = 1, queues do
    if count < limit then
      -- What is popped already must be written down, even if another key is no list.
      local found = redis.pcall("RPOP", listOf(step, queue), limit - count) or {}
      if found.err then failure = found end
      for _, text in ipairs(found) do
        count = count + 1
        local field = ARGV[5] .. count
        replies[#replies + 1] = queue
        replies[#replies + 1] = text
        taken[#taken + 1] = field
        taken[#taken + 1] = "[" .. text .. ', "", ' .. ARGV[5 + queue] .. "]"
        since[#since + 1] = nowSeconds
        since[#since + 1] = field
        leases[#leases + 1] = deadline
        leases[#leases + 1] = field
      end
    end
  end
end
if count == 0 and failure then return failure end
if count > 0 then
  redis.call("HSET", KEYS[1], unpack(taken))
  redis.call("ZADD", KEYS[2], unpack(since))
  redis.call("ZADD", KEYS[3], unpack(leases))
end
return replies
`,
};

/**
 * Looks whether there is anything to take. It only reads, so that the keys can be watched with it.
 *
 * KEYS     for each queue the delayed messages; then the lists
 * ARGV[1]  how many queues
 * returns  how many lists have messages; when the next delayed one is due in ms, or nothing
 */
export const LOOK: RedisScript = {
  source: `
local queues = tonumber(ARGV[1])
local due = false
for queue = 1, queues do
  local first = redis.call("ZRANGE", KEYS[queue], 0, 0, "WITHSCORES")
  if first[2] and (not due or tonumber(first[2]) < tonumber(due)) then due = first[2] end
end
return { redis.call("EXISTS", unpack(KEYS, queues + 1)), due }
`,
};

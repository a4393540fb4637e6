import type { RedisScript } from "../../redis/index.ts";

/**
 * Adds one message to each of several queues that have room for it, in one step.
 *
 * KEYS     the queues (sorted sets: message by time of sending)
 * ARGV[1]  the time of sending, in seconds
 * ARGV[2]  messages sent up to here have expired
 * ARGV[3]  how long a queue lives without a new message, in whole seconds
 * ARGV[4…] for each queue: its capacity, the message
 * returns  for each queue: 1 if the message was added, else 0; how many expired messages were dropped
 */
export const ADD_TO_QUEUES: RedisScript = {
  source: `
local replies = {}
for index, key in ipairs(KEYS) do
  local expired = redis.call("ZREMRANGEBYSCORE", key, "-inf", ARGV[2])
  local added = 0
  if redis.call("ZCARD", key) < tonumber(ARGV[2 + index * 2]) then
    redis.call("ZADD", key, ARGV[1], ARGV[3 + index * 2])
    redis.call("EXPIRE", key, ARGV[3])
    added = 1
  end
  replies[#replies + 1] = added
  replies[#replies + 1] = expired
end
return replies
`,
};

/**
 * Moves messages that a reader has taken and left behind back to where they came from.
 *
 * KEYS     the queue; what its readers have taken
 * ARGV     messages that have lain there for too long
 * returns  how many were moved; what is there no more has been dealt with meanwhile
 */
export const RECLAIM: RedisScript = {
  source: `
local moved = 0
for _, member in ipairs(ARGV) do
  local score = redis.call("ZSCORE", KEYS[2], member)
  if score then
    redis.call("ZREM", KEYS[2], member)
    redis.call("ZADD", KEYS[1], score, member)
    moved = moved + 1
  end
end
return moved
`,
};
